//! The first writes of a node: who it is, in the rows and hidden nodes that clients and tools look for.
//!
//! On a fresh single node revision 1 is `/_etcd/machines/NAME` (with its parents), 2 is `/_etcd/config`, and the
//! first user write is 3, as in 0.4.6. On every later start only what differs is written: nothing, as a rule.

use std::fmt::Display;

use serde::Serialize;
use storage::operation::Retention;
use storage::path::KeyPath;

use crate::command::ServerOperation;
use crate::config::{ClusterSettings, Config};
use crate::members::{self, Member};
use crate::node::status::Status;
use crate::service::{Service, ServiceError, StorageFault};

/// `/_etcd/config` in the field order of 0.4.6; whole numbers print without a fraction.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClusterConfig {
    active_size: u64,
    remove_delay: serde_json::Number,
    sync_interval: serde_json::Number,
}

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

/// Waits for a leader and publishes this member.
///
/// A node that cannot write just now (a full disk, a damaged store) serves reads; its rows are written by a later start.
/// So does one that meets damage with its very first write: the store fails for what touches it, the node has not failed.
pub(crate) async fn publish(
    service: &Service,
    status: &Status,
    config: &Config,
) -> Result<Publication, ServiceError> {
    match write(service, status, config).await {
        Err(ServiceError::StorageFailed(reason)) if !status.has_failed() => Ok(postponed(&reason)),
        Err(ServiceError::WritesRefused(refusal)) => Ok(postponed(&refusal)),
        published => published,
    }
}

fn postponed(reason: &dyn Display) -> Publication {
    tracing::warn!("this member's rows could not be brought up to date: {reason}");
    Publication::Postponed
}

async fn write(
    service: &Service,
    status: &Status,
    config: &Config,
) -> Result<Publication, ServiceError> {
    let leader = status.leader_found();
    let failed = status.failure();
    tokio::select! {
        _ = leader => {}
        reason = failed => return Err(StorageFault::Node(reason).into()),
    }
    let id = service.self_stats().id;
    let known = service.members()?;
    let stored = known.iter().find(|member| member.id == id);
    let member = Member {
        id,
        name: config.name.clone(),
        // After the founding the stored peer URLs count, not the flags (cluster-and-config 1.5).
        peer_urls: stored.map_or_else(
            || config.advertise_peer.clone(),
            |member| member.peer_urls.clone(),
        ),
        client_urls: config.advertise_client.clone(),
    };
    let retention = Retention {
        events: config.retention_events,
        bytes: config.retention_bytes,
    };
    let mut operations = Vec::new();
    if stored.is_none() {
        operations.push(members::cluster_row(service.cluster_id()));
        operations.push(ServerOperation::Retain(retention));
    }
    if let Some(old) = stored.filter(|old| old.name != member.name) {
        operations.push(old.forget_machine());
    }
    if stored != Some(&member) {
        operations.push(member.record());
        operations.push(member.machine());
    }
    if stored.is_none() {
        operations.push(cluster_config(&config.cluster));
    }
    if !operations.is_empty() {
        service.write_own(&operations).await?;
    }
    Ok(match stored {
        None => Publication::First,
        Some(_) => Publication::Again,
    })
}

fn cluster_config(settings: &ClusterSettings) -> ServerOperation {
    let number = |value: f64| {
        if value.fract() == 0.0 && value.abs() < 9e15 {
            serde_json::Number::from(value as i64)
        } else {
            serde_json::Number::from_f64(value).unwrap_or_else(|| 0.into())
        }
    };
    let config = ClusterConfig {
        active_size: settings.active_size,
        remove_delay: number(settings.remove_delay_seconds),
        sync_interval: number(settings.sync_interval_seconds),
    };
    let value = serde_json::to_vec(&config).expect("numbers always encode");
    let path = KeyPath::root().child(b"_etcd").child(b"config");
    ServerOperation::System {
        path,
        value: Some(value.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cluster_config_is_written_as_0_4_wrote_it() {
        let text = |settings| match cluster_config(&settings) {
            ServerOperation::System {
                value: Some(value), ..
            } => String::from_utf8_lossy(&value).into_owned(),
            other => panic!("{other:?}"),
        };
        let defaults = ClusterSettings {
            active_size: 9,
            remove_delay_seconds: 1800.0,
            sync_interval_seconds: 5.0,
        };
        assert_eq!(
            text(defaults),
            r#"{"activeSize":9,"removeDelay":1800,"syncInterval":5}"#
        );
        let fraction = ClusterSettings {
            sync_interval_seconds: 2.5,
            ..defaults
        };
        assert_eq!(
            text(fraction),
            r#"{"activeSize":9,"removeDelay":1800,"syncInterval":2.5}"#
        );
    }
}
