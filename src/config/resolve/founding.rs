//! The cluster a node founds: itself alone in this release, whatever way the members are named.

use std::collections::HashSet;

use super::super::address::comparable;
use super::super::catalogue::{INITIAL_CLUSTER, JOINING, PEERS, PEERS_FILE};
use super::super::error::ConfigError;
use super::super::host::Host;
use super::super::node::InitialMember;
use super::super::settings::{Origin, Settings};
use super::super::value::list;
use super::standing;

/// The cluster of this node alone.
pub(super) fn sole_member(name: &str, peer_urls: &[String]) -> Vec<InitialMember> {
    vec![InitialMember {
        name: name.to_owned(),
        peer_urls: peer_urls.to_vec(),
    }]
}

/// Why no cluster can be founded from these settings, if so. Such settings are out of force on a restart.
///
/// # Errors
///
/// What is wrong even on a restart: `-peers` that name other nodes, since the operator wants to join them.
pub(super) fn obstacle(
    settings: &Settings,
    host: &dyn Host,
    name: &str,
    peer_urls: &[String],
) -> Result<Option<ConfigError>, ConfigError> {
    check_peers(settings, host, peer_urls)?;
    let wrong_cluster = settings
        .filled(&INITIAL_CLUSTER)
        .and_then(|_| check_initial_cluster(settings, name, peer_urls).err());
    Ok(wrong_cluster.or_else(|| standing::founding(settings)))
}

/// 0.4's list of peers: this node's own address is no peer, and without another one the node founds (1.4).
fn check_peers(
    settings: &Settings,
    host: &dyn Host,
    peer_urls: &[String],
) -> Result<(), ConfigError> {
    let (origin, peers) = match settings.text(&PEERS_FILE) {
        Some(path) => {
            let path = std::path::PathBuf::from(path);
            let bytes = host.read(&path).map_err(|source| ConfigError::PeersFile {
                path: path.clone(),
                source,
            })?;
            (
                settings.origin_of(&PEERS_FILE),
                list(&String::from_utf8_lossy(&bytes)),
            )
        }
        None => (settings.origin_of(&PEERS), settings.list(&PEERS)),
    };
    let own = |peer: &String| {
        peer_urls
            .iter()
            .any(|url| comparable(url) == comparable(&format!("http://{peer}")))
    };
    if peers.iter().all(own) {
        return Ok(());
    }
    Err(ConfigError::Unavailable {
        origin,
        sentence: JOINING.to_owned(),
    })
}

/// Checks `--initial-cluster` against this node (1.5), then that it names nobody else.
fn check_initial_cluster(
    settings: &Settings,
    name: &str,
    peer_urls: &[String],
) -> Result<(), ConfigError> {
    let origin = settings.origin_of(&INITIAL_CLUSTER);
    let items = settings.list(&INITIAL_CLUSTER);
    let cluster = items.join(",");
    let members = members(&origin, &items, &cluster)?;
    let own: Vec<&str> = members
        .iter()
        .filter(|(member, _)| *member == name)
        .map(|(_, url)| *url)
        .collect();
    if own.is_empty() {
        return Err(ConfigError::NameNotInCluster {
            name: name.to_owned(),
            cluster,
        });
    }
    let same = |a: &str, b: &str| comparable(a) == comparable(b);
    if let Some(url) = own
        .iter()
        .find(|url| !peer_urls.iter().any(|advertised| same(advertised, url)))
    {
        return Err(ConfigError::NotAdvertised {
            name: name.to_owned(),
            url: (*url).to_owned(),
            advertised: peer_urls.join(","),
        });
    }
    if let Some(url) = peer_urls
        .iter()
        .find(|advertised| !own.iter().any(|url| same(advertised, url)))
    {
        return Err(ConfigError::NotInCluster {
            url: url.clone(),
            cluster,
        });
    }
    match members.iter().find(|(member, _)| *member != name) {
        Some((other, _)) => Err(several_members(origin, other)),
        None => Ok(()),
    }
}

/// Name and URL of each item; every URL well formed and none twice.
fn members<'a>(
    origin: &Origin,
    items: &'a [String],
    cluster: &str,
) -> Result<Vec<(&'a str, &'a str)>, ConfigError> {
    let mut members = Vec::with_capacity(items.len());
    let mut seen = HashSet::new();
    for item in items {
        let (name, url) = item
            .split_once('=')
            .filter(|(name, _)| !name.is_empty())
            .ok_or_else(|| ConfigError::Setting {
                origin: origin.clone(),
                reason: format!("{item:?} is not of the form name=url"),
            })?;
        super::super::address::advertised_url(url).map_err(|problem| ConfigError::Address {
            origin: origin.clone(),
            text: url.to_owned(),
            problem,
        })?;
        if !seen.insert(comparable(url)) {
            return Err(ConfigError::DuplicateUrl {
                cluster: cluster.to_owned(),
                url: url.to_owned(),
            });
        }
        members.push((name, url));
    }
    Ok(members)
}

fn several_members(origin: Origin, other: &str) -> ConfigError {
    ConfigError::Unavailable {
        origin,
        sentence: format!(
            "clusters of several members are not available in this release (it names {other:?} beside this node): \
             leave the other members out to run a cluster of one node"
        ),
    }
}
