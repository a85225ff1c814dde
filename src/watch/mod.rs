//! Watches: who is told of which change, and how nobody misses one or hears it twice.
//!
//! One rule carries it all: a watcher has a position, the next revision it has not yet considered. Registration and
//! publication exclude each other (one lock in the [`Hub`]), so at registration every revision is either published
//! (`<= P`, read from history) or not (`> P`, delivered live). A watcher is *live* when its position is above all
//! that is published; otherwise it is *behind* and reads the revisions it lacks from the store, then joins the live
//! ones under the same lock. A slow watcher simply falls behind again: apply never waits for it.
//!
//! Publication puts events into queues (`subscription`) and nothing else: a crowd is woken by another thread (`wakes`).
//! History is read by threads of its own in bounded steps (`readers`), which cost what they find and not what has
//! happened (`storage::Search`).
//!
//! **Bounds.** A queue holds [`QUEUE_LIMIT`](subscription::QUEUE_LIMIT) events and
//! [`QUEUE_BYTES`](subscription::QUEUE_BYTES), the first event apart. All queues and pages of history together hold
//! [`WAITING_BYTES`](delivery::WAITING_BYTES), an event for many watchers counted once (`delivery`). What is on its way to
//! clients has [`SENDING_BYTES`](hub::SENDING_BYTES), rendered once for all who are sent it at the time. What has no room
//! in a queue is read from the store again later; what has none on its way waits.

mod budget;
mod delivery;
mod ended;
mod hand_out;
mod hub;
mod matching;
mod readers;
mod registry;
mod replay;
mod subscription;
mod wakes;
mod watcher;

pub(crate) use budget::{Budget, Claim, WaitingPlace};
pub(crate) use delivery::{Delivery, Rendering};
pub(crate) use ended::Ended;
pub(crate) use hub::Hub;
pub(crate) use matching::Target;
pub(crate) use watcher::Watcher;

#[cfg(test)]
mod tests;
