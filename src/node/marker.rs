//! What the node keeps in the store beside the applied index: opaque bytes there, written here.
//!
//! A protobuf message: 1 term of the applied entry, 2 ConfState (eraftpb), 3 stamp of the last command (the 48 header
//! bytes of `command`), 4 witness of the log (position known durable, see the `wal` crate), 5 cluster id, 6 member id, 7 this
//! member's own readings when it applied that command (as 3), where the leader may be another machine, 8 and 9 only in a
//! store that a snapshot made, until the log is reset behind it: this member's term and vote when it was made, 10 the number
//! that this directory drew when it was founded, 11 what this member's clocks read at the first start of a boot (as 3), until something is
//! applied in it.

use prost::Message;
use prost11::Message as _;
use raft::eraftpb::ConfState;

use crate::command::{Proposal, Stamp};
#[cfg(test)]
use crate::node::planted::{PlantedMistake, is_planted};

/// The decoded form.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Marker {
    /// Term of the entry at the applied index.
    pub term: u64,
    /// Membership at the applied index.
    pub conf_state: ConfState,
    /// The last command's times.
    pub stamp: Stamp,
    /// What this member's own clocks read then, and the cluster time that it took for the present. `None` where it is alone:
    /// the stamps are its own.
    pub own: Option<Stamp>,
    /// What its clocks read at the first start in a boot after that one, until something is applied in it.
    pub booted: Option<Stamp>,
    /// The log's durable position when this was written.
    pub witness: Option<Vec<u8>>,
    /// The cluster this member belongs to; 0 before the first entry.
    pub cluster: u64,
    /// This member; 0 before the first entry.
    pub member: u64,
    /// Drawn when this directory was founded, and nowhere else: who comes back without it comes back with an empty disk. 0 in
    /// directories of earlier builds.
    pub disk: u64,
    /// A snapshot made this store, and the log is not yet reset behind it. Cleared by the first marker after that.
    pub installed: Option<Installed>,
}

/// What a member had promised when it made its store from a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Installed {
    /// Its term.
    pub term: u64,
    /// Whom it had given its vote in that term; 0 for nobody.
    pub vote: u64,
}

/// Why a marker does not decode.
#[derive(Debug, thiserror::Error)]
#[error("the store's marker beside the applied index is damaged: {0}")]
pub struct MarkerError(String);

#[derive(Clone, PartialEq, Message)]
struct Wire {
    #[prost(uint64, tag = "1")]
    term: u64,
    #[prost(bytes = "vec", tag = "2")]
    conf_state: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    stamp: Vec<u8>,
    #[prost(bytes = "vec", optional, tag = "4")]
    witness: Option<Vec<u8>>,
    #[prost(fixed64, tag = "5")]
    cluster: u64,
    #[prost(fixed64, tag = "6")]
    member: u64,
    #[prost(bytes = "vec", optional, tag = "7")]
    own: Option<Vec<u8>>,
    #[prost(uint64, optional, tag = "8")]
    installed_term: Option<u64>,
    #[prost(fixed64, tag = "9")]
    installed_vote: u64,
    #[prost(fixed64, tag = "10")]
    disk: u64,
    #[prost(bytes = "vec", optional, tag = "11")]
    booted: Option<Vec<u8>>,
}

impl Marker {
    /// The bytes to store.
    pub fn encode(&self) -> Vec<u8> {
        let wire = Wire {
            term: self.term,
            conf_state: self.conf_state.encode_to_vec(),
            stamp: stamp_bytes(&self.stamp),
            witness: self.witness.clone(),
            cluster: self.cluster,
            member: self.member,
            own: self.own.as_ref().map(stamp_bytes),
            booted: self.booted.as_ref().map(stamp_bytes),
            disk: self.disk,
            installed_term: self.installed.map(|installed| installed.term),
            installed_vote: self.installed.map_or(0, |installed| installed.vote),
        };
        Message::encode_to_vec(&wire)
    }

    /// The reverse; empty bytes are the marker of a new store.
    pub fn decode(bytes: &[u8]) -> Result<Self, MarkerError> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let failed = |error: &dyn std::fmt::Display| MarkerError(error.to_string());
        let wire = <Wire as Message>::decode(bytes).map_err(|error| failed(&error))?;
        let stamp = |bytes: Option<Vec<u8>>| {
            let stamp = bytes.map(|bytes| Stamp::decode(&bytes)).transpose();
            stamp.map_err(|error| failed(&error))
        };
        Ok(Self {
            term: wire.term,
            conf_state: ConfState::decode(wire.conf_state.as_slice())
                .map_err(|error| failed(&error))?,
            stamp: Stamp::decode(&wire.stamp).map_err(|error| failed(&error))?,
            witness: wire.witness,
            cluster: wire.cluster,
            member: wire.member,
            disk: wire.disk,
            own: stamp(wire.own)?,
            booted: stamp(wire.booted)?,
            installed: wire.installed_term.map(|term| Installed {
                term,
                vote: wire.installed_vote,
            }),
        })
    }

    /// From where cluster time goes on after a start: readings of this very machine. Those of a leader on another one say
    /// nothing about the clocks here.
    pub fn readings(&self) -> &Stamp {
        #[cfg(test)]
        if is_planted(PlantedMistake::ClocksOfTwoMachines) {
            return &self.stamp;
        }
        self.own.as_ref().unwrap_or(&self.stamp)
    }
}

fn stamp_bytes(stamp: &Stamp) -> Vec<u8> {
    Proposal::of_server(&[]).stamp(stamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_comes_back_and_damage_is_an_error() {
        let marker = Marker {
            term: 3,
            conf_state: ConfState {
                voters: vec![7],
                ..ConfState::default()
            },
            stamp: Stamp {
                request: 1,
                cluster_time: 2,
                wall: 3,
                behind: 6_000,
                boot: 4,
                boottime: 5,
            },
            witness: Some(vec![1, 2, 3]),
            cluster: 8,
            member: 9,
            disk: 10,
            own: None,
            booted: None,
            installed: None,
        };
        let installed = Marker {
            installed: Some(Installed { term: 0, vote: 9 }),
            ..marker.clone()
        };
        assert_eq!(
            Marker::decode(&installed.encode()).expect("decodes"),
            installed
        );
        let led = Marker {
            booted: Some(Stamp {
                boot: 78,
                ..Stamp::default()
            }),
            own: Some(Stamp {
                wall: 77,
                ..marker.stamp
            }),
            ..marker.clone()
        };
        assert_eq!(Marker::decode(&led.encode()).expect("decodes"), led);
        assert_eq!((led.readings().wall, marker.readings().wall), (77, 3));
        let bytes = marker.encode();
        assert_eq!(Marker::decode(&bytes).expect("decodes"), marker);
        assert!(Marker::decode(&bytes[..bytes.len() - 1]).is_err());
        assert_eq!(Marker::decode(&[]).expect("a new store"), Marker::default());
    }
}
