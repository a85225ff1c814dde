//! Whether a new member may speak: it votes and acknowledges only once it is known that it never did before.
//!
//! A member whose data directory is empty may be new, or may have lost its disk: then it has forgotten what it promised, and
//! would promise the opposite. Nothing on its own disk can tell. So it keeps silent until one of these is known:
//!
//! | what | why that is enough |
//! |---|---|
//! | a majority of the list, itself included, has greeted as unfounded, and nobody as founded | nothing was ever acknowledged to a client: no cluster is founded that a majority had a part in |
//! | the founded cluster has written down, as one command that tests and sets, that this member starts now, on this disk | whoever asks with another disk, then or later, is refused |
//!
//! The first command of a cluster writes down those that its leader has met. A member that is not written down is heard by
//! nobody who knows that the cluster is founded.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::members::{self, Member};
use crate::node::advice::{REMOVED_DIRECTORY, WITHOUT_A_MEMBER};
use crate::service::{Service, ServiceError};
use crate::transport::{self, Network};

/// Where members ask.
pub(crate) const ADMISSION_PATH: &str = "/etcd2/admission";

/// How long one member is waited for.
const ASKED_WITHIN: Duration = Duration::from_secs(10);

/// Characters of a text of another member that are shown.
const TEXT_MAX: usize = 300;

/// A new member, by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AdmissionRequest {
    /// The cluster that it wants to belong to.
    pub(crate) cluster: u64,
    /// Its id.
    pub(crate) member: u64,
    /// What its data directory drew when it was founded.
    pub(crate) disk: u64,
}

/// What a member of a founded cluster answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It starts, on this disk.
    Admitted {
        /// Whether that was not known before.
        first: bool,
    },
    /// It started before, on another disk.
    Bootstrapped,
    /// It is no member.
    Unknown,
}

/// Why a new member cannot take part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AdmissionError {
    /// Its disk was emptied, or another process runs as it.
    #[error(
        "member {member:x} has already been bootstrapped: its cluster has seen it start on another disk, and an empty one \
         has forgotten what it acknowledged. Bring its data directory back; else {WITHOUT_A_MEMBER}"
    )]
    Bootstrapped {
        /// This member.
        member: u64,
    },
    /// The directory of another one.
    #[error(
        "this is the data directory of member {member:x}, and the options are those of member {other:x} ({name}): start each member with \
         its own --data-dir"
    )]
    OtherMember {
        /// Whose directory it is.
        member: u64,
        /// Whose options they are.
        other: u64,
        /// Its name.
        name: String,
    },
    /// It was one.
    #[error(
        "the member {member:x} has been permanently removed from the cluster: {REMOVED_DIRECTORY}"
    )]
    Removed {
        /// This member.
        member: u64,
    },
    /// The cluster lists others.
    #[error(
        "member {member:x} is none of the members of cluster {cluster:x}: give --initial-cluster as the cluster was founded \
         with, or add the member to the cluster first"
    )]
    Unknown {
        /// This member.
        member: u64,
        /// The one that it asked.
        cluster: u64,
    },
}

/// Answers a new member: one command that tests and sets, then a look no older than it.
pub(crate) async fn admit(
    service: &Service,
    request: &AdmissionRequest,
) -> Result<Admission, ServiceError> {
    let AdmissionRequest { member, disk, .. } = *request;
    service.catch_up().await?;
    if !service.is_founded()? {
        return Err(ServiceError::CatchingUp);
    }
    let known = service.members()?;
    if !known.iter().any(|one| one.id == member) {
        return Ok(Admission::Unknown);
    }
    let first = !service.started()?.contains_key(&member);
    if first {
        let command = [
            members::unless_started(member),
            members::started_row(member, disk),
        ];
        service.write_own(&command).await?;
    }
    Ok(match service.started()?.get(&member) {
        Some(started) if *started == disk => Admission::Admitted { first },
        _ => Admission::Bootstrapped,
    })
}

/// A member that has to be let in.
pub(crate) struct NewMember<'a> {
    /// What it knows.
    pub(crate) service: &'a Service,
    /// The way to the others.
    pub(crate) network: &'a Network,
    /// How often it looks.
    pub(crate) pause: Duration,
    /// All members, this one included, as far as it knows.
    pub(crate) members: &'a [Member],
    /// How many have a vote, as its own store knows.
    pub(crate) voters: usize,
    /// Whether it was added to a cluster that is founded.
    pub(crate) joins: bool,
    /// Its number.
    pub(crate) disk: u64,
}

impl NewMember<'_> {
    /// Until this member is written down as started. `admit` lets it speak.
    ///
    /// # Errors
    /// It may never speak.
    pub(crate) async fn come_in(&self, admit: impl Fn()) -> Result<(), AdmissionError> {
        let own = self.service.self_stats().id;
        let mut told = String::new();
        loop {
            if self.is_started(own) {
                admit();
                return Ok(());
            }
            let greeted = self.network.greeted();
            let founded: BTreeSet<u64> = greeted
                .iter()
                .filter(|(_, facts)| facts.founded)
                .map(|(id, _)| *id)
                .collect();
            if !founded.is_empty() {
                if self.ask(own, &founded, &mut told).await? {
                    admit();
                }
            } else if !self.joins && greeted.len() + 1 > self.voters / 2 {
                admit();
            }
            tokio::select! {
                () = self.network.greeting() => {}
                () = tokio::time::sleep(self.pause) => {}
            }
        }
    }

    fn is_started(&self, own: u64) -> bool {
        let started = self.service.started();
        started.is_ok_and(|started| started.get(&own) == Some(&self.disk))
    }

    /// Whether one of these has let this member in. `told` is the last reason against it that the log has heard.
    async fn ask(
        &self,
        own: u64,
        founded: &BTreeSet<u64>,
        told: &mut String,
    ) -> Result<bool, AdmissionError> {
        let request = AdmissionRequest {
            cluster: self.service.cluster_id(),
            member: own,
            disk: self.disk,
        };
        let body = serde_json::to_vec(&request).expect("three numbers always encode");
        let members = self.members.iter();
        for member in members.filter(|member| founded.contains(&member.id)) {
            let body = Bytes::from(body.clone());
            let asked = transport::ask(&member.peer_urls, ADMISSION_PATH, body, ASKED_WITHIN).await;
            match asked.map(|answer| (answer.status.as_u16(), shown(&answer.body))) {
                Ok((200, _)) => return Ok(true),
                Ok((409, _)) => return Err(AdmissionError::Bootstrapped { member: own }),
                Ok((404, _)) => {
                    let cluster = request.cluster;
                    return Err(AdmissionError::Unknown {
                        member: own,
                        cluster,
                    });
                }
                Ok((status, text)) => {
                    if *told != text {
                        tracing::warn!(
                            "member {:x} does not let this one in yet, and is asked again: {status} {text}. No leader is elected \
                             without a majority of members that have their data directories: start those, or bring them back",
                            member.id
                        );
                        *told = text;
                    }
                }
                Err(error) => tracing::debug!("member {:x}: {error}", member.id),
            }
        }
        Ok(false)
    }
}

/// What a member says, fit for one line of a log.
fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let characters = text.chars().filter(|character| !character.is_control());
    characters.take(TEXT_MAX).collect()
}

/// The disks of the members that are known to start with this one, by id: they are written down with the founding.
pub(crate) fn disks(network: Option<&Network>, own: u64, disk: u64) -> BTreeMap<u64, u64> {
    let Some(network) = network else {
        return BTreeMap::new();
    };
    let greeted = network.greeted().into_iter();
    let new = greeted.filter(|(_, facts)| !facts.founded && facts.disk != 0);
    new.map(|(id, facts)| (id, facts.disk))
        .chain([(own, disk)])
        .collect()
}
