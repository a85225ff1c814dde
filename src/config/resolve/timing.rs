//! Heartbeat interval and election time-out (cluster-and-config 11): 3.4's checks, 0.4's values allowed to pass.

use std::time::Duration;

use super::super::catalogue::{
    ELECTION_TIMEOUT, Flag, HEARTBEAT_INTERVAL, PEER_ELECTION_TIMEOUT, PEER_HEARTBEAT_INTERVAL,
};
use super::super::error::ConfigError;
use super::super::settings::Settings;

/// 0.4's own heartbeat, taken where only its election time-out is given and is too short for ours.
const CLASSIC_HEARTBEAT_MS: u64 = 50;
/// Heartbeats an election time-out must span, so that one lost message does not depose a leader.
const HEARTBEATS_PER_ELECTION: u64 = 5;
const ELECTION_MS_MAX: u64 = 50_000;

/// The checked intervals: heartbeat, election time-out.
pub(super) fn intervals(settings: &mut Settings) -> Result<(Duration, Duration), ConfigError> {
    let election = effective(settings, &ELECTION_TIMEOUT, &PEER_ELECTION_TIMEOUT);
    let mut heartbeat = effective(settings, &HEARTBEAT_INTERVAL, &PEER_HEARTBEAT_INTERVAL);
    let given = |flag: &Flag| settings.given(flag).is_some();
    let by_new_names = given(&HEARTBEAT_INTERVAL) || given(&ELECTION_TIMEOUT);
    let by_old_names = given(&PEER_HEARTBEAT_INTERVAL) || given(&PEER_ELECTION_TIMEOUT);
    let by_default = !by_new_names && !given(&PEER_HEARTBEAT_INTERVAL);
    if by_default && too_short(election, heartbeat) {
        heartbeat = CLASSIC_HEARTBEAT_MS;
    }
    let leniently = by_old_names && !by_new_names;
    if let Some(warning) = check(heartbeat, election, leniently)? {
        settings.notice(warning);
    }
    Ok((
        Duration::from_millis(heartbeat),
        Duration::from_millis(election),
    ))
}

/// 3.4's checks. Leniently, the answer may be a warning: 0.4 checked nothing and its own defaults, 50 and 200, break
/// the rule of five, so its options must go on working.
fn check(heartbeat: u64, election: u64, leniently: bool) -> Result<Option<String>, ConfigError> {
    if heartbeat == 0 {
        return Err(ConfigError::IntervalZero(HEARTBEAT_INTERVAL.name));
    }
    if election == 0 {
        return Err(ConfigError::IntervalZero(ELECTION_TIMEOUT.name));
    }
    if election > ELECTION_MS_MAX {
        return Err(ConfigError::ElectionTooLong(election));
    }
    if !too_short(election, heartbeat) {
        return Ok(None);
    }
    let problem = ConfigError::ElectionTooShort {
        election,
        heartbeat,
    };
    match leniently {
        false => Err(problem),
        true if election <= heartbeat => Err(ConfigError::ElectionNotLonger {
            election,
            heartbeat,
        }),
        true => Ok(Some(problem.to_string())),
    }
}

/// The new name's value if given, else the old one's, else the default.
fn effective(settings: &Settings, new: &Flag, old: &Flag) -> u64 {
    let source = if settings.given(new).is_none() && settings.given(old).is_some() {
        old
    } else {
        new
    };
    settings.count(source)
}

fn too_short(election: u64, heartbeat: u64) -> bool {
    heartbeat.saturating_mul(HEARTBEATS_PER_ELECTION) > election
}
