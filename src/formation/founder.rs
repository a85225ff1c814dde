//! Who founds: decided once, from the options, when the data directory is found empty.

use crate::config::{Config, Exit};
use crate::node::alone::sole_voter;
use crate::node::start::Founder;

use super::identity;

/// The identity of a cluster that this node founds on its own; an obstacle where its options do not allow that.
pub(crate) fn founder(config: &Config) -> Result<Founder, Exit> {
    if let Some(obstacle) = &config.founding_obstacle {
        return Err(obstacle.clone());
    }
    let member = identity::member_id(&config.advertise_peer, &config.initial_cluster_token);
    Ok(Founder {
        identity: wal::Identity {
            cluster: identity::cluster_id(&[member]),
            member,
        },
        conf_state: sole_voter(member),
    })
}
