//! Words and numbers as Go's standard library reads them, which the originals used: for forms, options and `etcdctl` alike.

mod boolean;
mod duration;
mod integer;
mod quote;

pub use boolean::boolean;
pub use duration::{DurationError, duration};
pub use integer::{IntegerError, integer};
pub(crate) use quote::quoted;
