//! What members of several write of themselves, on a consensus that is a list.

mod cluster;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use storage::operation::{Content, Operation, Write, WriteMode};
use storage::path::KeyPath;

use super::first_command::{first_command, other_founders};
use super::fixture::{config, three};
use super::publication::{Publication, founded};
use crate::command::{NEWEST, Proposal, Stamp};
use crate::members::{self, Member};
use crate::service::{Caller, Consistency, ServiceError, WatchRequest};
use cluster::ToyCluster;

fn rows(cluster: &ToyCluster) -> Vec<(String, Vec<String>, Vec<String>)> {
    let rows = members::all(&cluster.members[0].store).expect("readable");
    let row = |member: Member| (member.name, member.peer_urls, member.client_urls);
    rows.into_iter().map(row).collect()
}

fn owned(urls: &[&str]) -> Vec<String> {
    urls.iter().map(|url| (*url).to_owned()).collect()
}

fn caller() -> Caller {
    Caller {
        credentials: None,
        certificate_name: None,
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
    }
}

fn path() -> KeyPath {
    KeyPath::new("/a").expect("a path")
}

fn set() -> Operation<crate::command::Ttl> {
    Operation::Write(Write::new(
        path(),
        WriteMode::Set,
        Content::File("v".into()),
    ))
}

/// 1 and 2 as on a lone node, one for each of the others: the first user write is 5.
#[tokio::test]
async fn the_leader_founds_and_the_others_publish_themselves() {
    let mut cluster = ToyCluster::new(three());
    let leader = cluster.members[1].id();
    cluster
        .members
        .iter()
        .for_each(|member| member.believes(leader));
    let published = cluster.publish_all().await;
    assert_eq!(
        published,
        [Publication::Again, Publication::First, Publication::Again]
    );
    assert_eq!(
        rows(&cluster),
        [
            (
                "b".into(),
                owned(&["http://127.0.0.1:23802", "http://127.0.0.1:23804"]),
                owned(&["http://127.0.0.1:23812"])
            ),
            (
                "a".into(),
                owned(&["http://127.0.0.1:23801"]),
                owned(&["http://127.0.0.1:23811"])
            ),
            (
                "c".into(),
                owned(&["http://localhost:23803"]),
                owned(&["http://127.0.0.1:23813"])
            ),
        ]
    );
    let member = &cluster.members[0];
    let b = "etcd=http%3A%2F%2F127.0.0.1%3A23812&raft=http%3A%2F%2F127.0.0.1%3A23802";
    assert_eq!(member.hidden("/_etcd/machines/b"), Some((1, b.into())));
    assert_eq!(member.hidden("/_etcd/config").map(|node| node.0), Some(2));
    let mut later = ["a", "c"].map(|name| {
        member
            .hidden(&format!("/_etcd/machines/{name}"))
            .map(|node| node.0)
    });
    later.sort_unstable();
    assert_eq!(later, [Some(3), Some(4)]);
    for member in &cluster.members {
        assert_eq!(members::nonce(&member.store).expect("readable"), Some(2));
        assert_eq!(
            member.store.applied().hash,
            cluster.members[0].store.applied().hash
        );
    }
    let service = cluster.members[2].service.clone();
    let written = cluster
        .beside(async move { service.write(&caller(), set()).await })
        .await;
    assert_eq!(written.expect("written").event.revision, 5);
}

#[tokio::test]
async fn a_second_start_writes_nothing_and_a_changed_one_its_own_rows() {
    let mut cluster = ToyCluster::new(three());
    let leader = cluster.members[0].id();
    cluster
        .members
        .iter()
        .for_each(|member| member.believes(leader));
    cluster.publish_all().await;
    assert_eq!(
        cluster.publish(1, 9).await.expect("published"),
        Publication::Again
    );
    let member = &mut cluster.members[1];
    assert_eq!(member.store.revision(), 4);
    member.config.name = "renamed".into();
    // Options of the founding are out of force by now.
    member.config.initial_cluster.clear();
    cluster.publish(1, 9).await.expect("published");
    let member = &cluster.members[0];
    assert_eq!(member.hidden("/_etcd/machines/b"), None);
    assert!(member.hidden("/_etcd/machines/renamed").is_some());
    let urls = owned(&["http://127.0.0.1:23802", "http://127.0.0.1:23804"]);
    assert_eq!(
        (&rows(&cluster)[0].0[..], &rows(&cluster)[0].1),
        ("renamed", &urls)
    );
    assert_eq!(members::nonce(&member.store).expect("readable"), Some(1));
}

/// A leader may be deposed between its look and its write: both writes get into the log.
#[tokio::test]
async fn two_members_that_both_lead_found_once() {
    let mut cluster = ToyCluster::new(three());
    for member in &cluster.members {
        member.believes(member.id());
    }
    let published = cluster.publish_all().await;
    let first = published.iter().filter(|one| **one == Publication::First);
    assert_eq!(first.count(), 1, "{published:?}");
    let at = published.iter().position(|one| *one == Publication::First);
    let nonce = members::nonce(&cluster.members[2].store).expect("readable");
    assert_eq!(
        nonce,
        at.map(|at| at as u64 + 1),
        "the nonce is the founder's"
    );
    assert_eq!(cluster.members[0].store.revision(), 4);
    for (name, _, clients) in rows(&cluster) {
        assert_eq!(clients.len(), 1, "{name} is published");
    }
}

#[tokio::test]
async fn a_founding_that_finds_a_cluster_changes_nothing() {
    let [a, b, _] = three();
    let mut cluster = ToyCluster::new(three());
    let id = cluster.members[0].service.cluster_id();
    let command = |config, own: u64, nonce| {
        let others = other_founders(config, id, own).expect("its founders");
        let own = founded(
            own,
            config.initial_cluster[0].peer_urls.clone(),
            config,
            NEWEST,
        );
        first_command(id, &own, &others, config, nonce, &BTreeMap::new())
    };
    let (first, second) = (cluster.members[0].id(), cluster.members[1].id());
    cluster.write(&command(&a, first, 1)).await;
    let before = (rows(&cluster), cluster.members[0].store.revision());
    cluster.write(&command(&b, second, 2)).await;
    assert_eq!(
        (rows(&cluster), cluster.members[0].store.revision()),
        before
    );
    assert_eq!(
        members::nonce(&cluster.members[0].store).expect("readable"),
        Some(1)
    );
}

/// A lone node's log stays one that earlier builds read, and has the indexes that it had.
#[tokio::test]
async fn a_lone_founding_is_as_ever() {
    let config = config(&["--name=n1"]);
    let mut cluster = ToyCluster::new([config.clone()]);
    let (id, own) = (
        cluster.members[0].service.cluster_id(),
        cluster.members[0].id(),
    );
    assert_eq!(other_founders(&config, id, own), Some(Vec::new()));
    let member = founded(own, config.advertise_peer.clone(), &config, NEWEST);
    let command = first_command(id, &member, &[], &config, 7, &BTreeMap::new());
    assert_eq!(Proposal::of_server(&command).stamp(&Stamp::default())[0], 1);
    cluster.write(&command).await;
    let lone = &cluster.members[0];
    assert_eq!(
        lone.hidden("/_etcd/machines/n1").map(|node| node.0),
        Some(1)
    );
    assert_eq!(lone.hidden("/_etcd/config").map(|node| node.0), Some(2));
    assert_eq!(lone.store.revision(), 2);
    assert_eq!(members::nonce(&lone.store).expect("readable"), Some(7));
    assert_eq!(members::all(&lone.store).expect("readable"), [member]);
}

/// A rolling upgrade of one member, and back.
#[tokio::test]
async fn what_one_member_does_not_know_is_refused_by_all() {
    let mut cluster = ToyCluster::new(three());
    cluster.members[1].change_build(2);
    let leader = cluster.members[0].id();
    cluster
        .members
        .iter()
        .for_each(|member| member.believes(leader));
    // The founding is of format 3, and comes before any member could have said what it knows.
    let published = cluster.publish_all().await;
    assert_eq!(published[0], Publication::First);
    let b = cluster.members[1].id();
    let command = [members::unless_started(b), members::started_row(b, 7)];
    for (applies, known) in [(2, false), (3, true), (2, false)] {
        cluster.members[1].change_build(applies);
        cluster.publish(1, 9).await.expect("published");
        for member in [0, 1, 2] {
            let service = cluster.members[member].service.clone();
            let version = if known { "3.4.0" } else { "3.3.0" };
            assert_eq!(service.cluster_version(), Some(version));
            let writes = async {
                let own = service.write_own(&command).await.map(|_| ());
                (own, service.write(&caller(), set()).await)
            };
            let (own, written) = cluster.beside(writes).await;
            written.expect("every release knows what clients write");
            match own {
                Ok(()) => assert!(known, "member {member}"),
                Err(ServiceError::UnknownToMember { member, needs }) => {
                    assert!(!known);
                    let told = (member.id, &*member.name, member.applies, needs);
                    assert_eq!(told, (b, "b", 2, 3));
                }
                Err(other) => panic!("{other}"),
            }
        }
    }
}

/// The others of a fresh cluster have said nothing yet, and clusters of several begin with what they need.
#[tokio::test]
async fn a_row_that_says_nothing_is_of_a_member_that_knows_the_founding() {
    let mut cluster = ToyCluster::new(three());
    let leader = cluster.members[0].id();
    cluster.members[0].believes(leader);
    cluster.publish(0, 1).await.expect("published");
    let store = &cluster.members[0].store;
    let said = members::all(store).expect("readable").into_iter();
    let said: Vec<_> = said.map(|member| member.applies).collect();
    assert_eq!(said.iter().filter(|said| said.is_none()).count(), 2);
    let service = cluster.members[0].service.clone();
    assert_eq!(service.cluster_version(), Some("3.4.0"));
    let command = [members::unless_started(1), members::started_row(1, 7)];
    let written = cluster
        .beside(async move { service.write_own(&command).await })
        .await;
    assert!(written.is_ok());
}

#[test]
fn only_the_options_of_the_founding_name_the_founders() {
    let [a, ..] = three();
    let founder = super::founder(&a).expect("it may found");
    let (cluster, own) = (founder.identity.cluster, founder.identity.member);
    assert_eq!(
        other_founders(&a, cluster, own).map(|others| others.len()),
        Some(2)
    );
    let mut other_token = a.clone();
    other_token.initial_cluster_token = "other".into();
    assert_eq!(other_founders(&other_token, cluster, own), None);
    let mut alone = a;
    alone.initial_cluster.truncate(1);
    assert_eq!(other_founders(&alone, cluster, own), None);
}

/// Its tree is empty, and not the tree of the cluster.
#[tokio::test]
async fn a_new_member_of_several_serves_nobody_before_it_has_caught_up() {
    let mut cluster = ToyCluster::new(three());
    let service = cluster.members[2].service.clone();
    let watch = || WatchRequest {
        path: path(),
        recursive: false,
        from: 0,
        stream: false,
    };
    let read = service
        .read(&caller(), &path(), false, Consistency::Local)
        .await;
    assert!(matches!(read.err(), Some(ServiceError::CatchingUp)));
    let watched = service.watch(&caller(), watch()).await;
    assert!(matches!(watched.err(), Some(ServiceError::CatchingUp)));
    let written = service.write(&caller(), set()).await;
    assert!(matches!(written.err(), Some(ServiceError::CatchingUp)));
    let leader = cluster.members[0].id();
    cluster
        .members
        .iter()
        .for_each(|member| member.believes(leader));
    let health = service.health().await;
    assert_eq!(health, Err("this member is still catching up".into()));
    cluster.publish_all().await;
    let read = service
        .read(&caller(), &path(), false, Consistency::Local)
        .await;
    assert!(read.is_ok());
    assert!(service.watch(&caller(), watch()).await.is_ok());
    // What it knew when it was stopped is a state of the cluster.
    let service = cluster.members[2].started_again();
    assert!(service.watch(&caller(), watch()).await.is_ok());
}
