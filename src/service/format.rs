//! What all members can apply: a command that one of them does not know would stop that member.
//!
//! Each member says it twice: in its row, which outlives it, and in its greeting, which comes first when it was exchanged for
//! an earlier release. The lower one counts. A row that says nothing is of a member that has not started, or of a release
//! that did not say it; either takes part in a cluster of several, so it knows what the founding of one is written in.
//!
//! Where there are no rows yet, nothing is refused: the command that founds a cluster of several is of the format that such
//! clusters begin with. Every member of one knows it, and none can have said so before it is applied.

use super::error::LeastMember;
use super::{Member, Service, ServiceError};
use crate::command::{self, Proposal};
use crate::version;

impl Service {
    /// The highest format of commands that this member says it applies.
    pub(crate) fn applies(&self) -> u8 {
        self.settings().applies
    }

    /// Whether members may be removed: all of them apply such changes.
    pub(crate) fn may_lose_members(&self) -> bool {
        let least = self.least();
        least.is_ok_and(|least| least.applies >= command::CHANGE)
    }

    /// The cluster's API version; `None` before a leader is known.
    pub(crate) fn cluster_version(&self) -> Option<&'static str> {
        if self.node().status.leader() == 0 {
            return None;
        }
        // Rows that cannot be read are told where they are needed.
        let least = self.least().map_or(self.applies(), |least| least.applies);
        Some(version::of_cluster(least))
    }

    /// Whether every member applies this command. What every release applies is not looked up.
    pub(super) fn is_known_to_all(&self, proposal: &Proposal) -> Result<(), ServiceError> {
        let needs = proposal.format();
        if needs <= command::FIRST {
            return Ok(());
        }
        let member = self.least()?;
        if needs <= member.applies {
            return Ok(());
        }
        Err(ServiceError::UnknownToMember { member, needs })
    }

    /// The member that knows the least: this one where no other is known to know less.
    fn least(&self) -> Result<LeastMember, ServiceError> {
        let settings = self.settings();
        let own = LeastMember {
            id: settings.member_id,
            name: settings.name.clone(),
            applies: settings.applies,
        };
        let members = self.members()?.into_iter();
        let others = members.filter(|member| member.id != own.id);
        let others = others.map(|member| self.known_of(member));
        match others.min_by_key(|other| other.applies) {
            // It applies all that it was built to, whatever it says.
            None => Ok(LeastMember {
                applies: command::NEWEST,
                ..own
            }),
            Some(other) if other.applies < own.applies => Ok(other),
            Some(_) => Ok(own),
        }
    }

    fn known_of(&self, member: Member) -> LeastMember {
        // One without a name was added, which only those hear of that know how.
        let unsaid = match member.name.is_empty() {
            true => command::CHANGE,
            false => command::AMONG_SEVERAL,
        };
        let row = member.applies.unwrap_or(unsaid);
        let greeted = self
            .network()
            .and_then(|network| network.applies(member.id));
        LeastMember {
            id: member.id,
            name: member.name,
            applies: greeted.map_or(row, |greeted| row.min(greeted)),
        }
    }
}
