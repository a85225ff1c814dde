//! The first writes of a node: who it is, in the rows and hidden nodes that clients and tools look for.
//!
//! On a fresh single node revision 1 is `/_etcd/machines/NAME` (with its parents), 2 is `/_etcd/config`, and the
//! first user write is 3, as in 0.4.6. On every later start only what differs is written: nothing, as a rule. How a
//! member of several does it stands in `among`.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::command::ServerOperation;
use crate::config::Config;
use crate::members::{self, Member};
use crate::node::status::Status;
use crate::service::{Service, ServiceError, StorageFault};

use super::first_command::first_command;

/// Whether this member's rows are as its options say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Publication {
    /// For the first time: the cluster is founded.
    First,
    /// They were, or were brought up to date.
    Again,
    /// Nothing can be written just now; a later start does it.
    Postponed,
}

/// Waits for a leader and publishes this member, which is alone. `nonce` is random: see [`crate::members::nonce`]; `disk` was drawn with
/// its data directory.
///
/// A node that cannot write just now (a full disk, a damaged store) serves reads; its rows are written by a later start.
/// So does one that meets damage with its very first write: the store fails for what touches it, the node has not failed.
pub(crate) async fn publish(
    service: &Service,
    status: &Status,
    config: &Config,
    (nonce, disk): (u64, u64),
) -> Result<Publication, ServiceError> {
    match write(service, status, config, nonce, disk).await {
        Err(ServiceError::StorageFailed(reason)) if !status.has_failed() => Ok(postponed(&reason)),
        Err(ServiceError::WritesRefused(refusal)) => Ok(postponed(&refusal)),
        published => published,
    }
}

pub(super) fn postponed(reason: &dyn Display) -> Publication {
    tracing::warn!("this member's rows could not be brought up to date: {reason}");
    Publication::Postponed
}

async fn write(
    service: &Service,
    status: &Status,
    config: &Config,
    nonce: u64,
    disk: u64,
) -> Result<Publication, ServiceError> {
    leader_found(status).await?;
    let id = service.self_stats().id;
    let known = service.members()?;
    let Some(stored) = known.iter().find(|member| member.id == id) else {
        let own = founded(id, config.advertise_peer.clone(), config, service.applies());
        let command = first_command(
            service.cluster_id(),
            &own,
            &[],
            config,
            nonce,
            &BTreeMap::from([(id, disk)]),
        );
        service.write_own(&command).await?;
        return Ok(Publication::First);
    };
    let mut differs = update(stored, config, service.applies(), false);
    // Lone members of the first builds did not say it, and others are told by it whom to hear.
    if !service.started()?.contains_key(&id) {
        differs.push(members::started_row(id, disk));
    }
    if !differs.is_empty() {
        service.write_own(&differs).await?;
    }
    Ok(Publication::Again)
}

/// Resolves once a leader is known; an error if this node fails before that.
pub(super) async fn leader_found(status: &Status) -> Result<(), ServiceError> {
    tokio::select! {
        _ = status.leader_found() => Ok(()),
        reason = status.failure() => Err(StorageFault::Node(reason).into()),
    }
}

/// This member as its options and its build describe it.
pub(super) fn founded(id: u64, peer_urls: Vec<String>, config: &Config, applies: u8) -> Member {
    Member {
        id,
        name: config.name.clone(),
        peer_urls,
        client_urls: config.advertise_client.clone(),
        applies: Some(applies),
    }
}

/// What makes the stored rows of this member say what its options and its build say. After the founding the stored peer URLs count, not
/// the flags (cluster-and-config 1.5).
///
/// One that may be removed is looked for once more when the command is applied: it must not come back half.
pub(super) fn update(
    stored: &Member,
    config: &Config,
    applies: u8,
    may_be_removed: bool,
) -> Vec<ServerOperation> {
    let member = founded(stored.id, stored.peer_urls.clone(), config, applies);
    if *stored == member {
        return Vec::new();
    }
    let mut operations = Vec::new();
    if may_be_removed {
        operations.push(members::unless_removed(member.id));
    }
    if stored.name != member.name {
        operations.push(stored.forget_machine());
    }
    operations.push(member.attributes());
    operations.push(member.machine());
    operations
}
