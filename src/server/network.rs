//! The way to the other members: made while the node starts, since its inbox is the node's, and needed by the peer port. A lone one
//! has it, too, since others may be added while it runs.

use std::io;
use std::sync::{Arc, OnceLock};

use crate::config::Config;
use crate::members::{self, Member};
use crate::node::context::NodeContext;
use crate::node::peer::Peers;
use crate::node::start::{ConnectPeers, NewNode};
use crate::transport::{Network, NetworkSettings, PeerAddress};
use crate::version::SERVER_VERSION;

use super::claim;

/// Where the network is once the node has started; it stays empty for one that only reads. Beside it the addresses that it is to dial
/// once the peer port listens: who greets another is dialled back at once.
pub(super) type MadeNetwork = Arc<OnceLock<(Arc<Network>, Vec<PeerAddress>)>>;

/// What the node calls to reach the others, and where what it made is then found.
pub(super) fn connect(config: &Config, listed: &[Member]) -> (ConnectPeers, MadeNetwork) {
    let made = MadeNetwork::default();
    let (place, config, listed) = (made.clone(), config.clone(), listed.to_vec());
    let connect = move |new: &NewNode, node: &NodeContext| {
        let network = start(&config, new, node)?;
        // The options know no ids of a cluster that was joined.
        let listed = match new.learner && config.has_data {
            true => &[][..],
            false => &listed,
        };
        let addresses = others(listed, new.identity, node)?;
        let (network, _) = place.get_or_init(|| (network, addresses));
        Ok(network.clone() as Arc<dyn Peers>)
    };
    (Box::new(connect), made)
}

fn start(config: &Config, new: &NewNode, node: &NodeContext) -> io::Result<Arc<Network>> {
    let identity = new.identity;
    let founding = members::nonce(&node.store).map_err(io::Error::other)?;
    let settings = NetworkSettings {
        cluster: identity.cluster,
        member: identity.member,
        founding: founding.unwrap_or(0),
        // What is in the log may be the founding, or come after it.
        founded: founding.is_some() || new.begun,
        disk: new.disk,
        heartbeat: config.heartbeat,
        election: config.election,
        version: SERVER_VERSION,
        applies: claim::applies().into(),
        clock: node.status.clock().clone(),
        metrics: node.metrics.clone(),
    };
    Network::start(settings, Vec::new(), node.intake.clone(), new.files.clone())
}

/// Where the others are: as the cluster knows them, or, before it is founded, as the options say.
fn others(
    listed: &[Member],
    identity: wal::Identity,
    node: &NodeContext,
) -> io::Result<Vec<PeerAddress>> {
    let known = members::all(&node.store).map_err(io::Error::other)?;
    let known = match known.is_empty() {
        true => listed.to_vec(),
        false => known,
    };
    Ok(addresses_of(known, identity.member))
}

/// Where these are, but for `own`.
pub(super) fn addresses_of(members: Vec<Member>, own: u64) -> Vec<PeerAddress> {
    let others = members.into_iter().filter(|member| member.id != own);
    let addresses = others.map(|member| PeerAddress {
        id: member.id,
        name: member.name,
        urls: member.peer_urls,
    });
    addresses.collect()
}
