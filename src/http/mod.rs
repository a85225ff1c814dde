//! The client port: the v2 API over HTTP/1, byte for byte as the reference describes it.
//!
//! The layer is thin. A request is parsed, one method of the [service](crate::service) is called, and what comes back
//! is rendered; nothing is decided here but the form.
//!
//! ```text
//! connection ─ socket, activity, watchman    accept, limits of number and time, orderly end
//!     │        turned_away
//!     │        head, chunked    what the HTTP library would not take of a request
//!   route ─ preamble, path, cors, browser    host, other sites, OPTIONS, redirect, table of endpoints
//!     ├─ keys ─ upload, budget, form, media_type, params, classic, classify
//!     │    ├─ get, put, post, delete, watch     one file for each verb
//!     │    └─ listing ─ turns                   streams what is large
//!     └─ info, stats, members
//!   headers, body ─ render, time, error          the answer
//! ```
//!
//! Promises: memory for a request is bounded by [`HttpOptions`], whatever the client sends or the store holds; a
//! client that goes away releases its watch or view at once, one that stalls does after a time-out; `error` is the
//! only place that knows numbers of v2 errors.

mod activity;
mod answers;
mod body;
mod browser;
mod budget;
mod chunked;
mod classic;
mod classify;
mod connection;
mod cors;
mod counters;
mod credentials;
mod delete;
mod error;
mod form;
mod front;
mod get;
mod head;
mod headers;
mod info;

mod keys;
mod listing;
mod media_type;
mod member_change;
mod members;
mod options;
mod params;
mod path;
mod post;
mod preamble;
mod put;
mod rate;
mod render;
mod route;
mod socket;
mod stats;
mod time;
mod turned_away;
mod turns;
mod upload;
mod watch;
mod watchman;
mod workers;

pub use connection::serve;
pub use options::HttpOptions;
pub use workers::Workers;
