//! SRV records of the DNS (RFC 2782): which hosts and ports a domain names for a service.
//!
//! ```text
//! resolver    whom to ask, which name to ask for, the records in the order to try them
//!   ├─ query  one question to one server
//!   └─ answer what an answer says
//! ```
//!
//! An answer is checked to belong to its question; what its hosts are good for is the caller's to judge.

mod answer;
#[cfg(test)]
mod fuzz;
mod query;
mod resolver;

pub(crate) use answer::ServiceRecord;
pub use resolver::{LookupError, Resolver};
