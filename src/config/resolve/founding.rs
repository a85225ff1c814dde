//! The cluster a node founds: itself alone, or the members that `--initial-cluster` names, this node among them.

use std::collections::{BTreeMap, HashSet};

use super::super::address::comparable;
use super::super::catalogue::{INITIAL_CLUSTER, JOINING, PEERS, PEERS_FILE};
use super::super::error::ConfigError;
use super::super::host::Host;
use super::super::node::InitialMember;
use super::super::settings::{Origin, Settings};
use super::super::value::list;
use super::standing;

/// Most members of a founding. More would only slow each write: a majority of them has to have it on disk.
const MEMBERS_MAX: usize = 9;

/// The members that these settings found a cluster with, or why they cannot. Such settings are out of force on a restart.
///
/// # Errors
///
/// What is wrong even on a restart: `-peers` that name other nodes, since the operator wants to join them.
pub(super) fn members(
    settings: &Settings,
    host: &dyn Host,
    name: &str,
    peer_urls: &[String],
) -> Result<Result<Vec<InitialMember>, ConfigError>, ConfigError> {
    check_peers(settings, host, peer_urls)?;
    let members = match settings.filled(&INITIAL_CLUSTER) {
        Some(_) => initial_cluster(settings, name, peer_urls),
        None => Ok(sole_member(name, peer_urls)),
    };
    Ok(
        members.and_then(|members| match standing::founding(settings) {
            Some(later) => Err(later),
            None => Ok(members),
        }),
    )
}

/// The cluster of this node alone.
pub(super) fn sole_member(name: &str, peer_urls: &[String]) -> Vec<InitialMember> {
    vec![InitialMember {
        name: name.to_owned(),
        peer_urls: peer_urls.to_vec(),
    }]
}

/// What an operator should know of a cluster of two before there is data in it.
pub(super) fn note_two(settings: &mut Settings, members: &[InitialMember]) {
    if let [one, other] = members {
        settings.notice(format!(
            "a cluster of two stops when either of its members, {} and {}, stops, so it is less available than one node \
             alone: found it with one member or with three",
            one.name, other.name
        ));
    }
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

/// The members of `--initial-cluster`, checked against this node (1.5).
fn initial_cluster(
    settings: &Settings,
    name: &str,
    peer_urls: &[String],
) -> Result<Vec<InitialMember>, ConfigError> {
    let origin = settings.origin_of(&INITIAL_CLUSTER);
    let items = settings.list(&INITIAL_CLUSTER);
    let cluster = items.join(",");
    let members = listed(&origin, &items, &cluster)?;
    let own = members
        .get(name)
        .ok_or_else(|| ConfigError::NameNotInCluster {
            name: name.to_owned(),
            cluster: cluster.clone(),
        })?;
    check_own(name, own, peer_urls, &cluster)?;
    match members.len() {
        // Nobody else computes this member's id, so it keeps the spelling that it is reached by.
        1 => Ok(sole_member(name, peer_urls)),
        2..=MEMBERS_MAX => Ok(members.into_iter().map(initial_member).collect()),
        count => Err(ConfigError::Setting {
            origin,
            reason: format!(
                "a cluster has at most {MEMBERS_MAX} members, and {count} are named: leave some out"
            ),
        }),
    }
}

/// Every member computes the ids of all from these URLs, so they stay as they are spelled here: the option is the same text
/// on all of them, and what each advertises may spell the same place in another way.
fn initial_member((name, mut peer_urls): (&str, Vec<&str>)) -> InitialMember {
    peer_urls.sort_unstable();
    InitialMember {
        name: name.to_owned(),
        peer_urls: peer_urls.into_iter().map(str::to_owned).collect(),
    }
}

/// Whether this member is listed with the URLs that it advertises, all of them and no others.
fn check_own(
    name: &str,
    own: &[&str],
    peer_urls: &[String],
    cluster: &str,
) -> Result<(), ConfigError> {
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
    match peer_urls
        .iter()
        .find(|advertised| !own.iter().any(|url| same(advertised, url)))
    {
        Some(url) => Err(ConfigError::NotInCluster {
            url: url.clone(),
            cluster: cluster.to_owned(),
        }),
        None => Ok(()),
    }
}

/// The URLs of each name, by name; every URL well formed and none twice. A name that is repeated has several.
fn listed<'a>(
    origin: &Origin,
    items: &'a [String],
    cluster: &str,
) -> Result<BTreeMap<&'a str, Vec<&'a str>>, ConfigError> {
    let mut members: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut seen = HashSet::new();
    for item in items {
        let (name, url) = item
            .split_once('=')
            // Other programs print it without a name for members that have not started.
            .map(|(name, url)| (if name.is_empty() { url } else { name }, url))
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
        members.entry(name).or_default().push(url);
    }
    Ok(members)
}
