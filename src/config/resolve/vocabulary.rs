//! Which vocabulary a node was started with, and options that say the same thing twice.

use super::super::catalogue::{
    ADDR, ADVERTISE_CLIENT_URLS, BIND_ADDR, DISCOVERY, DISCOVERY_SRV, Era, Flag,
    INITIAL_ADVERTISE_PEER_URLS, INITIAL_CLUSTER, LISTEN_CLIENT_URLS, LISTEN_PEER_URLS, PEER_ADDR,
    PEER_BIND_ADDR,
};
use super::super::error::ConfigError;
use super::super::node::Vocabulary;
use super::super::settings::Settings;

/// Old and new option for the same thing (cluster-and-config 12): new first.
static PAIRS: [(&Flag, &Flag); 4] = [
    (&ADVERTISE_CLIENT_URLS, &ADDR),
    (&LISTEN_CLIENT_URLS, &BIND_ADDR),
    (&INITIAL_ADVERTISE_PEER_URLS, &PEER_ADDR),
    (&LISTEN_PEER_URLS, &PEER_BIND_ADDR),
];

/// Refuses a pair given in both vocabularies, and more than one way to find the first members.
pub(super) fn check_conflicts(settings: &Settings) -> Result<(), ConfigError> {
    for (new, old) in PAIRS {
        if let (Some(by_new), Some(by_old)) = (settings.filled(new), settings.filled(old)) {
            return Err(ConfigError::Conflict {
                new: new.name,
                old: old.name,
                new_origin: by_new.origin.clone(),
                old_origin: by_old.origin.clone(),
            });
        }
    }
    let bootstraps: Vec<String> = [&INITIAL_CLUSTER, &DISCOVERY, &DISCOVERY_SRV]
        .into_iter()
        .filter_map(|flag| settings.filled(flag))
        .map(|setting| setting.origin.to_string())
        .collect();
    match bootstraps.len() {
        0 | 1 => Ok(()),
        _ => Err(ConfigError::SeveralBootstraps(bootstraps.join(", "))),
    }
}

/// The vocabulary of what was given, in any source.
///
/// With words of both the later one holds: 0.4 did not know its words, while 2.x took the old ones, so such a set-up
/// was made for 2.x. Nothing telling at all counts as 2.x (design, "The product").
pub(super) fn detect(settings: &mut Settings) -> Vocabulary {
    let first = |era: Era| {
        settings
            .given_all()
            .find(|(flag, _)| flag.era == era)
            .map(|(_, setting)| setting.origin.to_string())
    };
    let (classic, modern) = (first(Era::Classic), first(Era::Modern));
    match (classic, modern) {
        (Some(_), None) => Vocabulary::Classic,
        (Some(old), Some(new)) => {
            settings.notice(format!(
                "options of 0.4 ({old}) and of 2.x ({new}) are mixed: the node behaves as one started with 2.x options"
            ));
            Vocabulary::Modern
        }
        (None, _) => Vocabulary::Modern,
    }
}
