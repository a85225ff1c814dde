//! Seeded fuzzing for the tests of this workspace, on the stable toolchain.
//!
//! A [`Campaign`] mutates valid inputs and gives them to one decoder. It guarantees that the same seed
//! gives the same inputs on every machine, and that whatever fails is printed with its seed, the case and
//! the input. A decoder fails when it panics, which includes the assertions of the caller
//! (`decode(encode(x)) = x`), or when it holds more memory at a time than the campaign allows.
//!
//! ```
//! fuzz::Campaign::new("a number")
//!     .corpus([b"7".to_vec()])
//!     .words(&[b"0", b"18446744073709551616"])
//!     .run(|bytes| str::from_utf8(bytes).is_ok_and(|text| text.parse::<u64>().is_ok()));
//! ```
//!
//! Memory is counted for the thread that decodes: a decoder that hands work to other threads is not seen.

#![forbid(unsafe_code)]

mod campaign;
mod chance;
mod mutation;
mod setting;

pub use campaign::Campaign;
pub use chance::Chance;
