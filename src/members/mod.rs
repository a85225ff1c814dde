//! Who belongs to the cluster: a row for each member beside the tree, and the hidden node that is made from it.
//!
//! Pure state: what is written here is an operation for somebody else to propose, and what is read comes from the store.

#[cfg(test)]
mod fuzz;
mod machine;
mod record;

pub(crate) use record::{
    Member, MembersError, all, cluster_row, is_founded, nonce, nonce_row, started, started_row,
    unless_founded, unless_started,
};
