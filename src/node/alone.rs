//! Who needs nobody else: a member that is the only one with a vote, and has nobody to bring along.

use raft::eraftpb::ConfState;

use crate::member_id::cluster_id;
#[cfg(test)]
use crate::node::planted::{PlantedMistake, is_planted};

/// The membership of a member that is alone.
pub(crate) fn sole_voter(member: u64) -> ConfState {
    ConfState {
        voters: vec![member],
        ..ConfState::default()
    }
}

/// Whether what is durable here is committed by definition: the only vote is this member's own. A learner of one voter has
/// no vote, and a change under way may have given others one.
pub(crate) fn is_alone(conf_state: &ConfState, member: u64) -> bool {
    conf_state.voters == [member]
        && conf_state.voters_outgoing.is_empty()
        && conf_state.learners.is_empty()
        && conf_state.learners_next.is_empty()
}

/// Who votes, as far as a store says so; `None` where it does not.
///
/// The first release founded nothing but sole voters, and wrote them down only with the first flush. Its clusters have the
/// id of a cluster of one member; any other cluster without a word about its members has lost it, and a member that took
/// itself for the only one would confirm writes that the others never see.
pub(crate) fn membership(conf_state: &ConfState, identity: wal::Identity) -> Option<ConfState> {
    if *conf_state != ConfState::default() {
        return Some(conf_state.clone());
    }
    let member = identity.member;
    #[cfg(test)]
    if is_planted(PlantedMistake::AloneByDefault) {
        return Some(sole_voter(member));
    }
    (member != 0 && cluster_id(&[member]) == identity.cluster).then(|| sole_voter(member))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_means_alone_only_in_the_cluster_of_one_member() {
        let of = |members: &[u64]| wal::Identity {
            cluster: cluster_id(members),
            member: 7,
        };
        let silence = ConfState::default();
        assert_eq!(membership(&silence, of(&[7])), Some(sole_voter(7)));
        assert_eq!(membership(&silence, of(&[7, 8])), None);
        assert_eq!(membership(&silence, of(&[8])), None);
        let nobody = wal::Identity {
            cluster: cluster_id(&[0]),
            member: 0,
        };
        assert_eq!(membership(&silence, nobody), None);
        // What is written down counts, whatever the cluster was founded as.
        for said in [
            sole_voter(7),
            ConfState {
                learners: vec![7],
                ..silence.clone()
            },
        ] {
            assert_eq!(membership(&said, of(&[7, 8])), Some(said));
        }
    }

    #[test]
    fn only_a_lone_vote_of_ones_own_is_enough() {
        let alone = sole_voter(7);
        assert!(is_alone(&alone, 7));
        for other in [
            ConfState::default(),
            sole_voter(8),
            ConfState {
                voters: vec![7, 8],
                ..alone.clone()
            },
            ConfState {
                voters_outgoing: vec![8],
                ..alone.clone()
            },
            ConfState {
                learners: vec![8],
                ..alone.clone()
            },
            ConfState {
                voters: vec![8],
                learners: vec![7],
                ..alone.clone()
            },
        ] {
            assert!(!is_alone(&other, 7), "{other:?}");
        }
    }
}
