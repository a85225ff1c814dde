//! Who founds: decided once, from the options, when the data directory is found empty.

use raft::eraftpb::ConfState;

use crate::config::{Config, Exit, InitialMember};
use crate::member_id::{cluster_id, member_id};
use crate::members::Member;
use crate::node::start::Founder;

/// Why members that are listed cannot found a cluster together.
#[derive(Debug, thiserror::Error)]
pub(super) enum FoundingError {
    /// A founding needs one that no other has.
    #[error("the system gives no random number: {0}")]
    NoRandomNumber(getrandom::Error),
    /// The URLs decide the id, so this is one member listed twice.
    #[error(
        "the members {one:?} and {other:?} of --initial-cluster have the same id {id:x}, as their peer URLs are the same: \
         give each member URLs of its own"
    )]
    SameId { one: String, other: String, id: u64 },
    /// Nobody here is this member.
    #[error("--initial-cluster does not name this member, {0:?}: add NAME=URL for it")]
    NotListed(String),
}

impl From<FoundingError> for Exit {
    fn from(error: FoundingError) -> Self {
        Self {
            code: 1,
            stdout: String::new(),
            stderr: format!("{error}\n"),
        }
    }
}

/// The identity of the cluster that this node founds, alone or with the others that its options name; an obstacle where
/// they do not allow that.
pub(crate) fn founder(config: &Config) -> Result<Founder, Exit> {
    if let Some(obstacle) = &config.founding_obstacle {
        return Err(obstacle.clone());
    }
    let members = with_ids(config)?;
    let own = members
        .iter()
        .find(|(_, member)| member.name == config.name);
    let (member, _) = own.ok_or_else(|| FoundingError::NotListed(config.name.clone()))?;
    let voters: Vec<u64> = members.iter().map(|(id, _)| *id).collect();
    Ok(Founder {
        identity: wal::Identity {
            cluster: cluster_id(&voters),
            member: *member,
        },
        conf_state: ConfState {
            voters,
            ..ConfState::default()
        },
        disk: getrandom::u64().map_err(FoundingError::NoRandomNumber)?,
    })
}

/// The members that the options name, by id.
pub(super) fn with_ids(config: &Config) -> Result<Vec<(u64, &InitialMember)>, FoundingError> {
    let id = |member: &InitialMember| member_id(&member.peer_urls, &config.initial_cluster_token);
    let members = config.initial_cluster.iter();
    let mut members: Vec<_> = members.map(|member| (id(member), member)).collect();
    members.sort_unstable_by_key(|(id, _)| *id);
    let twice = members.windows(2).find(|pair| pair[0].0 == pair[1].0);
    match twice {
        Some(pair) => Err(FoundingError::SameId {
            one: pair[0].1.name.clone(),
            other: pair[1].1.name.clone(),
            id: pair[0].0,
        }),
        None => Ok(members),
    }
}

/// The members that the options name, as they are known before the cluster is founded. None where two of them are one.
pub(crate) fn initial_members(config: &Config) -> Vec<Member> {
    let members = with_ids(config).unwrap_or_default().into_iter();
    let member = |(id, member): (u64, &InitialMember)| Member {
        id,
        name: member.name.clone(),
        peer_urls: member.peer_urls.clone(),
        client_urls: Vec::new(),
        applies: None,
    };
    members.map(member).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formation::fixture::{config, three};

    #[test]
    fn a_lone_node_founds_as_ever() {
        let founder = founder(&config(&["--initial-cluster-token=t"])).expect("it may found");
        let urls = ["http://localhost:2380", "http://localhost:7001"].map(String::from);
        let id = member_id(&urls, "t");
        assert_eq!(founder.identity.member, id);
        assert_eq!(founder.identity.cluster, cluster_id(&[id]));
        assert_eq!(founder.conf_state.voters, [id]);
    }

    #[test]
    fn three_members_agree_on_cluster_and_voters() {
        let founders = three().map(|config| founder(&config).expect("it may found"));
        let mut ids = founders.each_ref().map(|founder| founder.identity.member);
        ids.sort_unstable();
        assert_eq!(
            ids,
            [
                0x1ece_b940_d92e_f696,
                0x39d5_be52_2ff4_7159,
                0xc437_a2b2_5a76_c655
            ]
        );
        for founder in founders {
            assert_eq!(founder.identity.cluster, 0x66c5_e871_bc73_f0a0);
            assert_eq!(founder.conf_state.voters, ids);
            assert!(founder.conf_state.learners.is_empty());
        }
    }

    #[test]
    fn members_with_the_same_urls_found_nothing() {
        let [mut config, ..] = three();
        config.initial_cluster[1].peer_urls = config.initial_cluster[0].peer_urls.clone();
        let Err(exit) = founder(&config) else {
            panic!("two members are one")
        };
        assert_eq!(exit.code, 1);
        assert!(
            exit.stderr.contains("have the same id 39d5be522ff47159"),
            "{exit}"
        );
        config.name = "nobody".into();
        config.initial_cluster.truncate(1);
        let exit = founder(&config).err().map(|exit| exit.stderr);
        assert!(exit.is_some_and(|text| text.contains("does not name this member")));
    }
}
