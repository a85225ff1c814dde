//! A snapshot on its way: a stream of its own for each, so that nothing waits behind it.
//!
//! ```text
//! giver                                   taker
//!   greeting (stream: snapshot)  ─►
//!                                ◄─  greeting, or refusal
//!   head: message, id, length    ─►
//!                                ◄─  at: the offset to go on from (u64 LE), or end with what is wrong
//!   piece, piece, …              ─►  pings while it writes, makes a store of it, and waits for consensus
//!                                ◄─  end: empty if this member goes on from it, else 1 if the
//!                                      file is wrong (0 if not), and words
//! ```
//!
//! What breaks off is begun again by the giver after a pause, and goes on where it stopped. Consensus is told of every end: it
//! sends nothing else to that member before.

mod give;
pub(super) mod head;
mod progress;
mod take;

pub(super) use give::give;
pub(super) use take::{take, take_head};
