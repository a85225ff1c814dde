//! From a judged directory to a node that may take part: the log opened, replaced or salvaged, and what it still holds
//! applied on top of what was flushed.
//!
//! What is done is decided before, in [`super::judgement`]; here it is carried out.
//!
//! | file | what |
//! |---|---|
//! | `store` | the store opened as judged, around damage |
//! | `resume` | the log in order, and the small files beside it |
//! | `salvage` | a log set aside, with its durable steps |
//! | `clocks` | from where cluster time goes on |
//! | `replay` | what the log holds beyond the store |

pub mod clocks;
pub mod error;
pub mod open_log;
pub mod origin;
pub mod replay;
pub mod resume;
pub mod salvage;
pub mod store;

pub use error::RecoveryError;
pub use open_log::{OpenLog, RecoveryReport};
pub use replay::{Replayed, replay};
pub use store::OpenedStore;
