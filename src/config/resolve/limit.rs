//! Limits, retention, time-outs and access rules: each with its least value, none unbounded by accident.

use std::time::Duration;

use super::super::catalogue::{
    CACHE_SIZE, CLUSTER_ACTIVE_SIZE, CLUSTER_REMOVE_DELAY, CLUSTER_SYNC_INTERVAL, CORS,
    DEFAULT_READ, Flag, HOST_WHITELIST, HTTP_READ_TIMEOUT, HTTP_WRITE_TIMEOUT, MAX_CONNECTIONS,
    MAX_REQUEST_BYTES, MAX_WATCHERS, RETENTION_BYTES, RETENTION_EVENTS, SNAPSHOT, SNAPSHOT_COUNT,
};
use super::super::error::ConfigError;
use super::super::node::{
    ClusterSettings, Cors, FORM_BODY_BYTES, HostWhitelist, ReadMode, Vocabulary,
};
use super::super::settings::Settings;

/// Room a form needs beside its value: names, other parameters.
const FORM_OVERHEAD_BYTES: u64 = 64 << 10;
/// Percent-encoding writes three bytes for one.
const ENCODED_BYTES_PER_BYTE: u64 = 3;
/// Less would leave no room for a single block of the store.
const CACHE_BYTES_MIN: u64 = 1 << 20;

/// The checked limits; the fields are those of the configuration.
pub(super) struct Limits {
    pub(super) snapshot_count: u64,
    pub(super) cluster: ClusterSettings,
    pub(super) retention_events: u64,
    pub(super) retention_bytes: u64,
    pub(super) default_read: ReadMode,
    pub(super) max_request_bytes: u64,
    pub(super) max_body_bytes: u64,
    pub(super) max_connections: usize,
    pub(super) max_watchers: usize,
    pub(super) http_read_timeout: Option<Duration>,
    pub(super) http_write_timeout: Option<Duration>,
    pub(super) cache_bytes: u64,
}

/// A write must fit into one record of the log, its path and parameters included.
const REQUEST_BYTES_MAX: u64 = 10 << 20;

/// Reads and checks the limits.
pub(super) fn limits(settings: &mut Settings) -> Result<Limits, ConfigError> {
    let max_request_bytes = at_least(settings, &MAX_REQUEST_BYTES, 1)?;
    if max_request_bytes > REQUEST_BYTES_MAX {
        return Err(ConfigError::Setting {
            origin: settings.origin_of(&MAX_REQUEST_BYTES),
            reason: format!(
                "{max_request_bytes} is too large: a value has at most {REQUEST_BYTES_MAX} bytes"
            ),
        });
    }
    Ok(Limits {
        snapshot_count: snapshot_count(settings),
        cluster: ClusterSettings {
            active_size: raised(settings, &CLUSTER_ACTIVE_SIZE, 3.0) as u64,
            remove_delay_seconds: raised(settings, &CLUSTER_REMOVE_DELAY, 2.0),
            sync_interval_seconds: raised(settings, &CLUSTER_SYNC_INTERVAL, 1.0),
        },
        retention_events: at_least(settings, &RETENTION_EVENTS, 1)?,
        retention_bytes: at_least(settings, &RETENTION_BYTES, 1)?,
        default_read: match settings.text(&DEFAULT_READ).as_deref() {
            Some("local") => ReadMode::Local,
            _ => ReadMode::Linearizable,
        },
        max_request_bytes,
        max_body_bytes: max_request_bytes
            .saturating_mul(ENCODED_BYTES_PER_BYTE)
            .saturating_add(FORM_OVERHEAD_BYTES)
            .max(FORM_BODY_BYTES),
        max_connections: bounded(at_least(settings, &MAX_CONNECTIONS, 1)?),
        max_watchers: bounded(at_least(settings, &MAX_WATCHERS, 1)?),
        http_read_timeout: timeout(settings, &HTTP_READ_TIMEOUT)?,
        http_write_timeout: timeout(settings, &HTTP_WRITE_TIMEOUT)?,
        cache_bytes: at_least(settings, &CACHE_SIZE, CACHE_BYTES_MIN)?,
    })
}

fn snapshot_count(settings: &mut Settings) -> u64 {
    if !settings.bool(&SNAPSHOT) {
        settings.notice(format!(
            "{}: the log is kept until memory demands that the state is written, and a restart takes longer",
            settings.origin_of(&SNAPSHOT)
        ));
        return u64::MAX;
    }
    match settings.count(&SNAPSHOT_COUNT) {
        // 2.x took 0 for the default.
        0 => match SNAPSHOT_COUNT.default_value() {
            Some(super::super::value::Value::Count(count)) => count,
            _ => u64::MAX,
        },
        count => count,
    }
}

/// 0.4 raised cluster settings to their minimums without a word (3.1); here the log says so.
fn raised(settings: &mut Settings, flag: &Flag, least: f64) -> f64 {
    let number = settings.number(flag);
    if number >= least {
        return number;
    }
    settings.notice(format!(
        "{}: {number} is raised to the minimum, {least}",
        settings.origin_of(flag)
    ));
    least
}

fn at_least(settings: &Settings, flag: &Flag, least: u64) -> Result<u64, ConfigError> {
    let count = settings.count(flag);
    if count >= least {
        return Ok(count);
    }
    Err(ConfigError::Setting {
        origin: settings.origin_of(flag),
        reason: format!("{count} is too small: the least value is {least}"),
    })
}

fn bounded(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// A time-out in seconds; 0 is none.
fn timeout(settings: &Settings, flag: &Flag) -> Result<Option<Duration>, ConfigError> {
    let seconds = settings.number(flag);
    if seconds == 0.0 {
        return Ok(None);
    }
    Duration::try_from_secs_f64(seconds)
        .map(Some)
        .map_err(|_| ConfigError::Setting {
            origin: settings.origin_of(flag),
            reason: format!("{seconds} is not a time in seconds (0 for none)"),
        })
}

/// Allowed origins; the default depends on the vocabulary (12). An option given empty switches CORS off.
pub(super) fn cors(settings: &mut Settings, vocabulary: Vocabulary) -> Cors {
    let origins = settings.list(&CORS);
    if origins.iter().any(|origin| origin == "*") {
        return Cors::Any;
    }
    if origins.is_empty() {
        let untold = settings.given(&CORS).is_none();
        return if untold && vocabulary == Vocabulary::Modern {
            Cors::Any
        } else {
            Cors::None
        };
    }
    for origin in &origins {
        let host = origin
            .split_once("://")
            .map(|(_, host)| host)
            .filter(|host| !host.is_empty());
        if host.is_none_or(|host| host.contains('/')) {
            settings.notice(format!(
                "{}: {origin:?} can never match: browsers send scheme://host or scheme://host:port, without a path",
                settings.origin_of(&CORS)
            ));
        }
    }
    Cors::List(origins)
}

/// Allowed host names; `*` or nothing allows all (7.4).
pub(super) fn host_whitelist(settings: &Settings) -> HostWhitelist {
    let hosts = settings.list(&HOST_WHITELIST);
    if hosts.is_empty() || hosts.iter().any(|host| host == "*") {
        return HostWhitelist::Any;
    }
    HostWhitelist::List(hosts)
}

/// Whether an origin was named. `--cors=` names none: it takes away headers, and does not open the node to any page.
pub(super) fn cors_given(settings: &Settings) -> bool {
    !settings.list(&CORS).is_empty()
}

/// Names by which a browser may call this node, IP addresses aside. `*` names nobody, wherever it comes from.
pub(super) fn own_names(
    settings: &Settings,
    machine: String,
    advertised: &[String],
) -> Vec<String> {
    let hosts = advertised
        .iter()
        .filter_map(|url| url.split_once("://"))
        .map(|(_, host)| host.to_owned());
    let listed = settings.list(&HOST_WHITELIST);
    ["localhost".to_owned(), machine]
        .into_iter()
        .chain(hosts)
        .chain(listed.into_iter().filter(|host| host != "*"))
        .collect()
}
