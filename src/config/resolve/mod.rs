//! From settings to [`Config`]: every check that needs more than one option, in an order that names the root cause.
//!
//! Order: options that contradict each other, options this release refuses, then each subject by itself.

mod endpoint;
mod founding;
mod limit;
mod logging;
mod standing;
mod timing;
mod vocabulary;

use std::path::{Path, PathBuf};

use super::catalogue::{
    ACCEPT_LOG_LOSS, DATA_DIR, FORCE, INITIAL_CLUSTER_STATE, INITIAL_CLUSTER_TOKEN, NAME,
    SOCKET_REUSE_PORT,
};
use super::error::ConfigError;
use super::exit::Exit;
use super::host::Host;
use super::node::{Config, InitialMember, Vocabulary};
use super::settings::Settings;

/// Checks everything and builds the configuration.
pub(super) fn resolve(mut settings: Settings, host: &dyn Host) -> Result<Config, Exit> {
    vocabulary::check_conflicts(&settings)?;
    let vocabulary = vocabulary::detect(&mut settings);
    standing::check(&mut settings)?;
    let name = name(&settings, vocabulary, host)?;
    let data_dir = data_dir(&mut settings, &name);
    refuse_to_erase(&settings, host, &data_dir)?;
    let client = endpoint::client(&settings, vocabulary)?;
    let peer = endpoint::peer(&settings, vocabulary)?;
    endpoint::check_clash(&client, &peer)?;
    endpoint::note_unreachable(&mut settings, &client, &peer);
    let (initial_cluster, founding_obstacle) =
        founding(&mut settings, host, &name, &data_dir, &peer.advertise)?;
    let (heartbeat, election) = timing::intervals(&mut settings)?;
    let log = logging::log(&mut settings);
    let limits = limit::limits(&mut settings)?;
    let own_names = limit::own_names(&settings, host.hostname(), &client.advertise);
    Ok(Config {
        vocabulary,
        initial_cluster,
        founding_obstacle,
        existing: joins(&settings),
        has_data: host.holds_member(&data_dir),
        initial_cluster_token: settings.text(&INITIAL_CLUSTER_TOKEN).unwrap_or_default(),
        name,
        data_dir,
        listen_client: client.listen,
        advertise_client: client.advertise,
        listen_peer: peer.listen,
        advertise_peer: peer.advertise,
        metrics_listen: endpoint::metrics(&settings)?,
        heartbeat,
        election,
        snapshot_count: limits.snapshot_count,
        cluster: limits.cluster,
        retention_events: limits.retention_events,
        retention_bytes: limits.retention_bytes,
        default_read: limits.default_read,
        cors: limit::cors(&mut settings, vocabulary),
        cors_given: limit::cors_given(&settings),
        own_names,
        host_whitelist: limit::host_whitelist(&settings),
        max_request_bytes: limits.max_request_bytes,
        max_body_bytes: limits.max_body_bytes,
        max_connections: limits.max_connections,
        max_watchers: limits.max_watchers,
        http_read_timeout: limits.http_read_timeout,
        http_write_timeout: limits.http_write_timeout,
        cache_bytes: limits.cache_bytes,
        reuse_port: settings.bool(&SOCKET_REUSE_PORT),
        accept_log_loss: settings.count_if_given(&ACCEPT_LOG_LOSS),
        log,
        notices: settings.into_notices(),
    })
}

/// Whether a node without data joins a cluster that runs.
fn joins(settings: &Settings) -> bool {
    settings.text(&INITIAL_CLUSTER_STATE).as_deref() == Some("existing")
}

/// Whom a node founds with. Ends the start of one that cannot found; one that has a cluster already keeps the reason.
fn founding(
    settings: &mut Settings,
    host: &dyn Host,
    name: &str,
    data_dir: &Path,
    peer_urls: &[String],
) -> Result<(Vec<InitialMember>, Option<Exit>), Exit> {
    let founded = host.holds_member(data_dir);
    let error = match founding::members(settings, host, name, peer_urls)? {
        Ok(members) => {
            if !founded && !joins(settings) {
                founding::note_two(settings, &members);
            }
            return Ok((members, None));
        }
        Err(error) => error,
    };
    if !founded {
        return Err(error.into());
    }
    settings.notice(format!(
        "options about founding a cluster are ignored since a cluster has already been initialized \
         in {} ({error})",
        data_dir.display()
    ));
    Ok((founding::sole_member(name, peer_urls), Some(error.into())))
}

/// 0.4's `-force` erased what the node had. Where there is nothing, it asks for what happens anyway.
fn refuse_to_erase(
    settings: &Settings,
    host: &dyn Host,
    data_dir: &Path,
) -> Result<(), ConfigError> {
    if !settings.bool(&FORCE) || host.is_vacant(data_dir) {
        return Ok(());
    }
    let directory = data_dir.display();
    Err(ConfigError::Unavailable {
        origin: settings.origin_of(&FORCE),
        sentence: format!(
            "it would erase this node's data before the start, and this program never does that: to begin anew, type \
             'mv {directory} {directory}.old' and start again"
        ),
    })
}

/// The node's name; 0.4's default is the host name, also with a data directory (cluster-and-config 12).
fn name(
    settings: &Settings,
    vocabulary: Vocabulary,
    host: &dyn Host,
) -> Result<String, ConfigError> {
    let name = settings.text(&NAME).unwrap_or_else(|| match vocabulary {
        Vocabulary::Classic => host.hostname(),
        Vocabulary::Modern => "default".to_owned(),
    });
    // The name is one step of the path /_etcd/machines/NAME and, by default, part of a file name.
    if name.is_empty() || name.contains('/') || name.contains(char::is_control) {
        return Err(ConfigError::Setting {
            origin: settings.origin_of(&NAME),
            reason: format!(
                "{name:?} cannot be a node's name: use letters, digits, '-', '.' and '_'"
            ),
        });
    }
    Ok(name)
}

fn data_dir(settings: &mut Settings, name: &str) -> PathBuf {
    match settings.text(&DATA_DIR) {
        Some(path) => PathBuf::from(path),
        None => {
            let path = format!("{name}.etcd");
            settings.notice(format!(
                "no -{} given: the data is kept in {path} in the working directory; give the option, so that a start \
                 from elsewhere finds the same data",
                DATA_DIR.name
            ));
            PathBuf::from(path)
        }
    }
}
