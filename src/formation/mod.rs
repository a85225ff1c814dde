//! Who are we: the identity that a founding gives, and what a member tells the cluster of itself.
//!
//! The options decide an identity only once, when the data directory is found empty ([`mod@founder`]); from then on the
//! directory knows. What may change with every start, name and client URLs, is published through the log ([`publish`], and
//! [`publish_among_others`] for a member of several).
//!
//! | file | when |
//! |---|---|
//! | `decision` | before anything is made on disk: whether to found, to join, or to go on |
//! | `founder` | a cluster is founded with those that the options name |
//! | `join` | a member was added to a cluster that runs, and asks it who it is |
//! | `admission` | a new member may speak once it is known that it never did |
//! | `publication`, `among`, `first_command` | what it writes of itself |

mod admission;
mod among;
mod decision;
mod first_command;
#[cfg(test)]
mod fixture;
mod founder;
mod join;
mod publication;
#[cfg(test)]
mod tests;

pub(crate) use admission::{
    ADMISSION_PATH, Admission, AdmissionError, AdmissionRequest, NewMember, admit, disks,
};
pub(crate) use among::publish_among_others;
pub(crate) use decision::{Formation, decide};
#[cfg(test)]
pub(crate) use founder::founder;
pub(crate) use join::{MEMBERS_PATH, find_cluster};
pub(crate) use publication::{Publication, publish};
