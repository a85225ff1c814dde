//! What a change of membership comes to, against a real store.

use storage::{Store, StoreOptions, Writer};
use tempfile::TempDir;

use super::judge::VOTERS_MAX;
use super::*;
use crate::command::{Change, ServerOperation};

struct Cluster {
    store: Store,
    writer: Writer,
    configuration: Configuration,
    index: u64,
    _directory: TempDir,
}

fn url(number: u64) -> Vec<String> {
    vec![format!("http://10.0.0.{number}:2380")]
}

fn add(id: u64) -> Change {
    Change::Add {
        id,
        peer_urls: url(id),
    }
}

impl Cluster {
    /// Founded by three, of which each has published itself.
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (store, writer) =
            storage::open(directory.path(), StoreOptions::default()).expect("a new store opens");
        let mut cluster = Self {
            store,
            writer,
            configuration: Configuration {
                voters: vec![1, 2, 3],
                learners: Vec::new(),
            },
            index: 0,
            _directory: directory,
        };
        for id in 1..=3 {
            let member = Member::unstarted(id, url(id));
            let started = started_row(id, 70 + id);
            cluster.write(vec![member.record(), started]);
            cluster.publish(id, &format!("n{id}"));
        }
        cluster
    }

    fn write(&mut self, operations: Vec<ServerOperation>) {
        let lasting = |operation: ServerOperation| operation.with_lifetime(|never| match never {});
        let operations: Vec<_> = operations.into_iter().map(lasting).collect();
        self.index += 1;
        let mut batch = self.writer.batch();
        batch
            .apply(self.index, self.index, &operations)
            .expect("applied");
        batch.commit().expect("committed");
    }

    fn publish(&mut self, id: u64, name: &str) {
        let known = all(&self.store).expect("readable").into_iter();
        let known = known.into_iter().find(|member| member.id == id);
        let member = Member {
            name: name.to_owned(),
            client_urls: vec![format!("http://10.0.0.{id}:2379")],
            applies: Some(4),
            ..known.expect("a member")
        };
        self.write(vec![
            unless_removed(id),
            member.attributes(),
            member.machine(),
        ]);
    }

    fn verdict(&self, change: &Change) -> ChangeVerdict {
        let lease = self.store.lease().expect("open");
        judge(&lease.view(), &self.configuration, change).expect("readable")
    }

    /// The change holds, and is carried out.
    fn accept(&mut self, change: &Change) {
        let ChangeVerdict::Accepted(operations) = self.verdict(change) else {
            panic!("{change:?}: {:?}", self.verdict(change));
        };
        self.index += 1;
        let mut batch = self.writer.batch();
        let done = batch.apply(self.index, self.index, &operations);
        done.expect("applied");
        batch.commit().expect("committed");
        let id = change.member();
        let Configuration { voters, learners } = &mut self.configuration;
        match change {
            Change::Add { .. } => learners.push(id),
            Change::Promote { .. } => {
                learners.retain(|learner| *learner != id);
                voters.push(id);
            }
            Change::Remove { .. } => {
                learners.retain(|learner| *learner != id);
                voters.retain(|voter| *voter != id);
            }
            Change::Move { .. } | Change::Unsafe { .. } => {}
        }
    }

    fn refuse(&self, change: &Change, refusal: ChangeRefusal) {
        assert_eq!(
            self.verdict(change),
            ChangeVerdict::Refused(refusal),
            "{change:?}"
        );
    }

    fn members(&self) -> Vec<(u64, String, Vec<String>)> {
        let all = all(&self.store).expect("readable").into_iter();
        all.map(|member| (member.id, member.name, member.peer_urls))
            .collect()
    }

    fn row(&self, name: &str, id: u64) -> bool {
        let key = format!("{name}/{id:016x}");
        let row = self.store.record(key.as_bytes()).expect("readable");
        row.is_some()
    }

    fn machines(&self) -> Vec<String> {
        let lease = self.store.lease().expect("open");
        let view = lease.view();
        let path = storage::path::KeyPath::new("/_etcd/machines").expect("a path");
        let mut walk = view.walk(&path, true, true);
        let mut names = Vec::new();
        while let Some(item) = walk.next().expect("readable") {
            let name = item.path.rsplit(|byte| *byte == b'/').next();
            names.push(String::from_utf8_lossy(name.unwrap_or_default()).into_owned());
        }
        names
    }
}

#[test]
fn a_member_is_added_learns_votes_moves_and_leaves_for_ever() {
    let mut cluster = Cluster::new();
    cluster.accept(&add(4));
    assert!(cluster.row("learner", 4));
    assert_eq!(cluster.members()[3], (4, String::new(), url(4)));
    assert_eq!(cluster.machines(), ["n1", "n2", "n3"], "it has not started");
    cluster.publish(4, "n4");
    cluster.accept(&Change::Promote { id: 4 });
    assert!(!cluster.row("learner", 4));
    cluster.accept(&Change::Move {
        id: 4,
        peer_urls: url(44),
    });
    assert_eq!(cluster.members()[3], (4, "n4".to_owned(), url(44)));
    cluster.accept(&Change::Remove { id: 2 });
    let left: Vec<u64> = cluster.members().iter().map(|member| member.0).collect();
    assert_eq!(left, [1, 3, 4]);
    assert_eq!(cluster.machines(), ["n1", "n3", "n4"]);
    let rows = ["member", "attributes", "learner", "started", "removed"];
    let there = rows.map(|row| cluster.row(row, 2));
    assert_eq!(there, [false, false, false, false, true]);
    for change in [
        add(2),
        Change::Promote { id: 2 },
        Change::Remove { id: 2 },
        Change::Move {
            id: 2,
            peer_urls: url(2),
        },
    ] {
        cluster.refuse(&change, ChangeRefusal::Removed(2));
    }
    // What a member was about to say of itself when it was removed.
    let late = Member {
        name: "n2".to_owned(),
        ..Member::unstarted(2, url(2))
    };
    cluster.write(vec![unless_removed(2), late.attributes(), late.machine()]);
    assert!(!cluster.row("attributes", 2));
    assert_eq!(cluster.machines(), ["n1", "n3", "n4"]);
    // Its address is free.
    cluster.accept(&Change::Add {
        id: 9,
        peer_urls: url(2),
    });
}

#[test]
fn what_does_not_hold_says_why() {
    let mut cluster = Cluster::new();
    let to = |id, number| Change::Move {
        id,
        peer_urls: url(number),
    };
    cluster.refuse(&add(3), ChangeRefusal::Exists);
    cluster.refuse(
        &Change::Add {
            id: 4,
            peer_urls: url(3),
        },
        ChangeRefusal::UrlExists,
    );
    cluster.refuse(&to(1, 3), ChangeRefusal::UrlExists);
    cluster.accept(&to(1, 1));
    cluster.refuse(&to(8, 8), ChangeRefusal::Unknown(8));
    cluster.refuse(&Change::Remove { id: 8 }, ChangeRefusal::Unknown(8));
    cluster.refuse(&Change::Promote { id: 8 }, ChangeRefusal::Unknown(8));
    cluster.refuse(&Change::Promote { id: 1 }, ChangeRefusal::Voter(1));
    for id in 4..=10 {
        cluster.accept(&add(id));
    }
    for id in 4..=9 {
        cluster.accept(&Change::Promote { id });
    }
    assert_eq!(cluster.configuration.voters.len(), VOTERS_MAX);
    cluster.refuse(&Change::Promote { id: 10 }, ChangeRefusal::Full);
    cluster.accept(&Change::Remove { id: 10 });
    for id in 2..=9 {
        cluster.accept(&Change::Remove { id });
    }
    cluster.refuse(&Change::Remove { id: 1 }, ChangeRefusal::LastVoter(1));
}

#[test]
fn a_namesake_keeps_the_hidden_node() {
    let mut cluster = Cluster::new();
    cluster.publish(2, "n1");
    cluster.accept(&Change::Remove { id: 1 });
    assert!(cluster.machines().contains(&"n1".to_owned()));
    cluster.accept(&Change::Remove { id: 2 });
    assert!(!cluster.machines().contains(&"n1".to_owned()));
}
