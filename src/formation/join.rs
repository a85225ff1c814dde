//! How a new member finds the cluster that it was added to (cluster-and-config 1.5, `initial-cluster-state existing`).
//!
//! The options name members by their peer URLs. Which ids these have the running cluster says, the one of this member included: it was
//! drawn when the member was added. It is asked before anything is made on disk, so that a mistake leaves nothing behind.

use std::collections::BTreeSet;
use std::time::Duration;

use raft::eraftpb::ConfState;
use serde::Deserialize;
use tokio::task::JoinSet;

use super::founder::initial_members;
use crate::config::{Config, comparable};
use crate::members::Member;
use crate::node::advice::WITHOUT_A_MEMBER;
use crate::node::start::Founder;
use crate::transport;

/// Where members say who they are.
pub(crate) const MEMBERS_PATH: &str = "/members";

/// How long one member is waited for.
const ASKED_WITHIN: Duration = Duration::from_secs(3);
/// The same where most of them are not there yet.
const LOOKED_WITHIN: Duration = Duration::from_secs(1);

/// The cluster that a member was added to.
#[derive(Debug)]
pub(crate) struct JoinedCluster {
    cluster: u64,
    own: u64,
    /// All members, by id.
    pub(crate) members: Vec<Member>,
}

/// Why a member cannot join.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JoinError {
    /// Nobody else is named.
    #[error(
        "--initial-cluster names nobody but this member: give it as 'etcdctl member add' printed it, with the members that run"
    )]
    NobodyNamed,
    /// Nobody says who is a member.
    #[error(
        "cannot fetch cluster info from peer urls: could not retrieve cluster information from the given URLs: {last}. Start the \
         members that --initial-cluster names, or correct their URLs"
    )]
    NoAnswer {
        /// What the last one that was asked came to.
        last: String,
    },
    /// It is none of them.
    #[error(
        "error validating peerURLs: unmatched member while checking PeerURLs: the cluster has no member at {urls}; its members are at \
         {there}. Add this one first ('etcdctl member add NAME URL' at one of them), or correct its URLs"
    )]
    NotAdded {
        /// Where this member is.
        urls: String,
        /// Where those are.
        there: String,
    },
    /// One is named that is none.
    #[error(
        "error validating peerURLs: unmatched member while checking PeerURLs: --initial-cluster names {name} at {urls}, and the members \
         of the cluster are at {there}. Take it out of the list, or correct its URLs"
    )]
    Unmatched {
        /// Who.
        name: String,
        /// Where.
        urls: String,
        /// Where those are.
        there: String,
    },
    /// A cluster is to be founded, and another one runs.
    #[error(
        "the members that --initial-cluster names run a cluster already, {cluster:x}: {advice}"
    )]
    Runs {
        /// Which.
        cluster: u64,
        /// What to do.
        advice: &'static str,
    },
    /// Its disk was emptied.
    #[error(
        "member {member:x} has already been bootstrapped: its cluster knows it as {name:?}. Bring its data directory back; else \
         {WITHOUT_A_MEMBER}"
    )]
    Bootstrapped {
        /// This member.
        member: u64,
        /// Its name there.
        name: String,
    },
    /// The founding draws a number.
    #[error("the system gives no random number: {0}")]
    NoRandomNumber(getrandom::Error),
}

/// A member as one of the others lists it.
#[derive(Debug, Deserialize)]
struct ListedMember {
    id: u64,
    name: String,
    #[serde(rename = "peerURLs")]
    peer_urls: Vec<String>,
    #[serde(rename = "clientURLs", default)]
    client_urls: Vec<String>,
}

impl JoinedCluster {
    /// Who this member is. It learns until the leader gives it a vote; what it needs to know of the others comes with the state that it
    /// is sent.
    pub(crate) fn founder(&self) -> Result<Founder, JoinError> {
        let others = self.members.iter().map(|member| member.id);
        Ok(Founder {
            identity: wal::Identity {
                cluster: self.cluster,
                member: self.own,
            },
            conf_state: ConfState {
                voters: others.filter(|id| *id != self.own).collect(),
                learners: vec![self.own],
                ..ConfState::default()
            },
            disk: getrandom::u64().map_err(JoinError::NoRandomNumber)?,
        })
    }

    /// Refuses a member that the cluster has seen before.
    pub(crate) fn if_new(self) -> Result<Self, JoinError> {
        let own = self.members.iter().find(|member| member.id == self.own);
        match own.filter(|own| !own.name.is_empty()) {
            Some(own) => Err(JoinError::Bootstrapped {
                member: self.own,
                name: own.name.clone(),
            }),
            None => Ok(self),
        }
    }
}

/// Asks the members that the options name for the cluster.
///
/// # Errors
/// See [`JoinError`].
pub(crate) async fn find_cluster(config: &Config) -> Result<JoinedCluster, JoinError> {
    let listed = initial_members(config);
    let others = listed.iter().filter(|member| member.name != config.name);
    let mut refused = None;
    for member in others {
        match ask(member).await {
            // It is new itself.
            Ok((_, there)) if there.is_empty() => {
                let urls = member.peer_urls.join(", ");
                let last = format!("{urls} knows of no members yet");
                refused.get_or_insert(JoinError::NoAnswer { last });
            }
            // What one of them does not know yet another one may.
            Ok((cluster, there)) => match matched(config, listed.clone(), cluster, there) {
                Err(error) => refused = Some(error),
                joined => return joined,
            },
            Err(last) => {
                refused.get_or_insert(JoinError::NoAnswer { last });
            }
        }
    }
    Err(refused.unwrap_or(JoinError::NobodyNamed))
}

async fn ask(member: &Member) -> Result<(u64, Vec<ListedMember>), String> {
    let answer = transport::fetch(&member.peer_urls, MEMBERS_PATH, ASKED_WITHIN)
        .await
        .map_err(|error| error.to_string())?;
    let odd = |what: &str| {
        let urls = member.peer_urls.join(", ");
        format!("{urls} answers {what}: is this the peer URL of a member?")
    };
    if !answer.status.is_success() {
        return Err(odd(answer.status.as_str()));
    }
    let cluster = answer.cluster.ok_or_else(|| odd("without a cluster id"))?;
    let there: Vec<ListedMember> =
        serde_json::from_slice(&answer.body).map_err(|_| odd("no list of members"))?;
    let ids: BTreeSet<u64> = there.iter().map(|member| member.id).collect();
    if ids.contains(&0) || ids.len() != there.len() {
        return Err(odd("a list in which members have no ids of their own"));
    }
    Ok((cluster, there))
}

fn places(urls: &[String]) -> BTreeSet<String> {
    urls.iter().map(|url| comparable(url)).collect()
}

/// The members of the cluster. Each that is named has to be one, at the same URLs; those that are not named the cluster knows.
fn matched(
    config: &Config,
    listed: Vec<Member>,
    cluster: u64,
    there: Vec<ListedMember>,
) -> Result<JoinedCluster, JoinError> {
    let urls = there.iter().flat_map(|member| member.peer_urls.clone());
    let urls = urls.collect::<Vec<_>>().join(", ");
    let mut own = None;
    for named in listed {
        let place = places(&named.peer_urls);
        let found = there
            .iter()
            .find(|member| places(&member.peer_urls) == place);
        let (at, is_own) = (named.peer_urls.join(", "), named.name == config.name);
        match found {
            Some(found) if is_own => own = Some(found.id),
            Some(_) => {}
            None if is_own => {
                return Err(JoinError::NotAdded {
                    urls: at,
                    there: urls,
                });
            }
            None => {
                return Err(JoinError::Unmatched {
                    name: named.name,
                    urls: at,
                    there: urls,
                });
            }
        }
    }
    let members = there.into_iter().map(|member| Member {
        id: member.id,
        name: member.name,
        peer_urls: member.peer_urls,
        client_urls: member.client_urls,
        applies: None,
    });
    let mut members: Vec<Member> = members.collect();
    members.sort_unstable_by_key(|member| member.id);
    Ok(JoinedCluster {
        cluster,
        own: own.ok_or(JoinError::NobodyNamed)?,
        members,
    })
}

/// Looks whether those that are to found a cluster with this member run another one. Who does not answer at once is founded with.
///
/// # Errors
/// One of them does.
pub(crate) async fn runs_already(config: &Config, cluster: u64) -> Result<(), JoinError> {
    let listed = initial_members(config);
    let own = places(&config.advertise_peer);
    let mut asked = JoinSet::new();
    for member in listed
        .into_iter()
        .filter(|member| member.name != config.name)
    {
        asked.spawn(async move { tokio::time::timeout(LOOKED_WITHIN, ask(&member)).await });
    }
    while let Some(answer) = asked.join_next().await {
        let Ok(Ok(Ok((theirs, there)))) = answer else {
            continue;
        };
        if theirs == cluster || there.is_empty() {
            continue;
        }
        let added = there.iter().any(|member| places(&member.peer_urls) == own);
        return Err(JoinError::Runs {
            cluster: theirs,
            advice: match added {
                true => {
                    "this member was added to it: start it with --initial-cluster-state existing"
                }
                false => {
                    "add this member to it ('etcdctl member add NAME URL' at one of them) and start it with --initial-cluster-state \
                     existing, or correct --initial-cluster"
                }
            },
        });
    }
    Ok(())
}
