//! The first command of a cluster: who its members are, and the hidden nodes that 0.4's clients look for.

use std::collections::BTreeMap;

use serde::Serialize;
use storage::operation::Retention;
use storage::path::KeyPath;

use crate::command::ServerOperation;
use crate::config::{ClusterSettings, Config};
use crate::member_id::cluster_id;
use crate::members::{self, Member};

use super::founder::initial_members;

/// `/_etcd/config` in the field order of 0.4.6; whole numbers print without a fraction.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClusterConfig {
    active_size: u64,
    remove_delay: serde_json::Number,
    sync_interval: serde_json::Number,
}

/// The command that founds a cluster. `others` are the members beside the one that writes it, and `disks` those of all that
/// are known to have started, by id: none where a node is alone.
///
/// Two leaders may write it one after the other: of several members each looks first, and may be deposed before its command
/// is applied. So the command ends where a cluster is founded already. A lone node has nobody who could be first, and its log
/// stays one that earlier builds read.
pub(super) fn first_command(
    cluster: u64,
    own: &Member,
    others: &[Member],
    config: &Config,
    nonce: u64,
    disks: &BTreeMap<u64, u64>,
) -> Vec<ServerOperation> {
    let mut operations = Vec::new();
    if !others.is_empty() {
        operations.push(members::unless_founded());
    }
    operations.push(members::cluster_row(cluster));
    operations.push(members::nonce_row(nonce));
    operations.push(ServerOperation::Retain(Retention {
        events: config.retention_events,
        bytes: config.retention_bytes,
    }));
    operations.extend(std::iter::once(own).chain(others).map(Member::record));
    let started = disks.iter();
    operations.extend(started.map(|(id, disk)| members::started_row(*id, *disk)));
    operations.push(own.machine());
    operations.push(cluster_config(&config.cluster));
    operations
}

/// The members beside `own` that `cluster` was founded with, as the options name them; `None` where these options did not
/// found it. The id of a cluster is made of those of its members, so it tells whether they are the same.
pub(super) fn other_founders(config: &Config, cluster: u64, own: u64) -> Option<Vec<Member>> {
    let members = initial_members(config);
    let ids: Vec<u64> = members.iter().map(|member| member.id).collect();
    if cluster_id(&ids) != cluster || !ids.contains(&own) {
        return None;
    }
    let unstarted = members.into_iter().filter(|member| member.id != own);
    Some(unstarted.collect())
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
