//! Who needs nobody else: a member that is the only one with a vote, and has nobody to bring along.

use raft::eraftpb::ConfState;

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

#[cfg(test)]
mod tests {
    use super::*;

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
