//! The client port: the v2 API over HTTP/1, byte for byte as the reference describes it.
//!
//! The layer is thin. A request is parsed, one method of the [service](crate::service) is called, and what comes back
//! is rendered; nothing is decided here but the form.
//!
//! ```text
//! port                         plugs the API into a port of `listen`
//!   route ─ request/           host, other sites, OPTIONS, path, redirect, table of endpoints
//!     ├─ keys/ ─ request/      body, form, parameters, and what they mean
//!     │    ├─ get, put, post, delete, watch     one file for each verb
//!     │    └─ listing ─ permit                  streams what is large
//!     └─ info, debug, stats, members/
//! peer                         the peer port: streams of other members, and who this is
//!   answer/                    headers, body, JSON, times, errors
//! ```
//!
//! Promises: memory for a request is bounded by [`HttpOptions`], whatever the client sends or the store holds; a
//! client that goes away releases its watch or view at once, one that stalls does after a time-out; `answer::error`
//! is the only place that knows numbers of v2 errors.

mod answer;
mod counters;
mod debug;
mod front;
mod info;
mod keys;
mod members;
mod options;
mod peer;
mod port;
mod rate;
mod relay;
mod request;
mod route;
mod stats;

pub(crate) use options::HttpOptions;
pub(crate) use peer::serve_peers;
pub(crate) use port::serve;
