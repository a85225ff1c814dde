//! Whether a change of membership holds, and what it makes of the rows: a pure function of the state that it meets.
//!
//! It is asked when the entry is applied, with all entries before it applied and none behind it, so every member comes to the
//! same answer. What it makes is written in the batch that stores the new configuration of consensus.
//!
//! | row | what |
//! |---|---|
//! | `member/ID` | id and peer URLs (in rows of founders name, client URLs and formats too) |
//! | `attributes/ID` | name, client URLs and formats, once the member has published itself |
//! | `learner/ID` | it has no vote yet |
//! | `started/ID` | on which disk it started |
//! | `removed/ID` | it was a member, and never is again |

use storage::View;
use storage::operation::Operation;

use super::record::{self, Member, MembersError, Row};
use crate::command::{Change, ServerOperation};

/// The most members that have a vote.
pub(crate) const VOTERS_MAX: usize = 9;

/// Who has a vote, and who learns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Configuration {
    /// Members with a vote.
    pub voters: Vec<u64>,
    /// Members without.
    pub learners: Vec<u64>,
}

/// Why a change does not hold. The words are those of the members API where it has some (cluster-and-config 4).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeRefusal {
    /// Another member is reached there.
    #[error("membership: peerURL exists")]
    UrlExists,
    /// It is a member already.
    #[error("membership: ID exists")]
    Exists,
    /// It is none.
    #[error("No such member: {0:x}")]
    Unknown(u64),
    /// It was one.
    #[error("Member permanently removed: {0:x}")]
    Removed(u64),
    /// It has a vote already.
    #[error("membership: member {0:x} has a vote already")]
    Voter(u64),
    /// Nobody would be left.
    #[error(
        "membership: member {0:x} is the only one with a vote: add another one first, or stop the server"
    )]
    LastVoter(u64),
    /// There are as many as there may be.
    #[error(
        "membership: there are {VOTERS_MAX} members with a vote already: remove one before another gets one"
    )]
    Full,
    /// Too few would be left that answer, as the leader found.
    #[error(
        "membership: without member {0:x} too few of the others answer to go on: start those that are down, or remove them first"
    )]
    Unsafe(u64),
    /// Another change came first.
    #[error("membership: another change was under way: look at the members, then try again")]
    Overtaken,
}

/// What a change comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ChangeVerdict {
    /// It holds; the rows that it writes.
    Accepted(Vec<Operation>),
    /// It does not, and changes nothing.
    Refused(ChangeRefusal),
}

/// The verdict about a change that meets this store under this configuration.
///
/// # Errors
/// The rows cannot be read: then there is none, and this member must not go on.
pub(crate) fn judge(
    view: &View<'_>,
    configuration: &Configuration,
    change: &Change,
) -> Result<ChangeVerdict, MembersError> {
    let members = record::all_in(view)?;
    let removed = record::is_removed(view, change.member())?;
    let verdict = match refusal(&members, removed, configuration, change) {
        Some(refusal) => ChangeVerdict::Refused(refusal),
        None => {
            let operations = operations(&members, change).into_iter();
            let lasting =
                |operation: ServerOperation| operation.with_lifetime(|never| match never {});
            ChangeVerdict::Accepted(operations.map(lasting).collect())
        }
    };
    Ok(verdict)
}

fn refusal(
    members: &[Member],
    removed: bool,
    configuration: &Configuration,
    change: &Change,
) -> Option<ChangeRefusal> {
    let id = change.member();
    let Configuration { voters, learners } = configuration;
    let known = voters.contains(&id) || learners.contains(&id);
    let taken = |urls: &[String]| {
        let mut others = members.iter().filter(|member| member.id != id);
        others.any(|other| other.peer_urls.iter().any(|url| urls.contains(url)))
    };
    match change {
        _ if removed => Some(ChangeRefusal::Removed(id)),
        Change::Add { .. } if known => Some(ChangeRefusal::Exists),
        Change::Promote { .. }
        | Change::Remove { .. }
        | Change::Move { .. }
        | Change::Unsafe { .. }
            if !known =>
        {
            Some(ChangeRefusal::Unknown(id))
        }
        Change::Add { peer_urls, .. } | Change::Move { peer_urls, .. } if taken(peer_urls) => {
            Some(ChangeRefusal::UrlExists)
        }
        Change::Promote { .. } if voters.contains(&id) => Some(ChangeRefusal::Voter(id)),
        Change::Promote { .. } if voters.len() >= VOTERS_MAX => Some(ChangeRefusal::Full),
        Change::Remove { .. } if **voters == [id] => Some(ChangeRefusal::LastVoter(id)),
        Change::Unsafe { .. } => Some(ChangeRefusal::Unsafe(id)),
        Change::Add { .. }
        | Change::Promote { .. }
        | Change::Remove { .. }
        | Change::Move { .. } => None,
    }
}

fn operations(members: &[Member], change: &Change) -> Vec<ServerOperation> {
    let id = change.member();
    let known = members.iter().find(|member| member.id == id);
    match change {
        Change::Add { peer_urls, .. } => {
            let member = Member::unstarted(id, peer_urls.clone());
            vec![member.record(), Row::Learner.written(id, "")]
        }
        Change::Promote { .. } => vec![Row::Learner.removed(id)],
        // Never accepted.
        Change::Unsafe { .. } => Vec::new(),
        Change::Remove { .. } => {
            let rows = [Row::Member, Row::Attributes, Row::Learner, Row::Started];
            let mut operations: Vec<_> = rows.map(|row| row.removed(id)).into();
            operations.push(Row::Removed.written(id, ""));
            operations.extend(known.map(|member| without_machine(members, member)));
            operations
        }
        Change::Move { peer_urls, .. } => {
            let moved = Member {
                peer_urls: peer_urls.clone(),
                ..known
                    .cloned()
                    .unwrap_or_else(|| Member::unstarted(id, Vec::new()))
            };
            let mut operations = vec![moved.record()];
            if !moved.client_urls.is_empty() {
                operations.push(moved.machine());
            }
            operations
        }
    }
}

/// The hidden node of a member that leaves. Another one of the same name has it from then on.
fn without_machine(members: &[Member], member: &Member) -> ServerOperation {
    let mut others = members.iter().filter(|other| other.id != member.id);
    let published = |other: &&Member| other.name == member.name && !other.client_urls.is_empty();
    match others.find(published) {
        Some(namesake) => namesake.machine(),
        None => member.forget_machine(),
    }
}
