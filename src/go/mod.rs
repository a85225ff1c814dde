//! Words and numbers as Go's standard library reads them, which the originals used: for forms, options and `etcdctl` alike.

mod boolean;
mod integer;

pub use boolean::boolean;
pub use integer::{IntegerError, integer};
