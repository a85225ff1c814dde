//! TLS for whoever opens or takes connections: files, identity, authorities, and what a failure means in words.
//!
//! It knows bytes and certificates, and nothing of who is dialled: an error says what is wrong, its caller says with whom.
//!
//! ```text
//! client ─── authority ─ verifier    how a client speaks: whom it trusts
//!    └────── identity                who it is
//!               └─ pem               the files of both
//! fault                              what an alert or a bad certificate means
//! ```
//!
//! Files named by the user are read and checked at once, before any request, so that a wrong path is not mistaken for
//! a cluster that is down. The system's certificate store is read only when the first TLS connection is opened.

mod authority;
mod client;
mod error;
mod fault;
#[cfg(test)]
#[path = "tests/fixture.rs"]
pub(crate) mod fixture;
mod identity;
mod pem;
mod provider;
mod verifier;

pub(crate) use client::server_name;
pub use client::{Tls, TlsFiles};
pub use error::TlsError;
pub use fault::CertificateFault;
pub(crate) use fault::{
    alert_in, alert_words, certificate_words, is_about_certificate, rustls_error,
};
