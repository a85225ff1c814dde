//! Who belongs to the cluster: rows for each member beside the tree, the hidden node that is made from them, and the rules by which
//! they change.
//!
//! Pure state: what is written here is an operation for somebody else to propose, and what is read comes from the store.

#[cfg(test)]
mod fuzz;
mod judge;
mod machine;
mod record;
#[cfg(test)]
mod tests;

pub(crate) use judge::{ChangeRefusal, ChangeVerdict, Configuration, VOTERS_MAX, judge};

pub(crate) use record::{
    Member, MembersError, all, cluster_row, is_founded, learners, nonce, nonce_row, removed,
    started, started_row, unless_founded, unless_removed, unless_started,
};
