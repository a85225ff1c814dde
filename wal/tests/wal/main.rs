//! What the log promises, seen from outside. A failing seeded test prints its seed; `WAL_SEED=<seed>`
//! with the test's name runs that one alone.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;
mod watched;

mod damage;
mod fault;
mod fuzz;
mod golden;
mod judgement;
mod lost_end;
mod model;
mod power;
mod recycle;
mod reopen;
mod replace;
mod replay;
mod slow;
mod spare;
mod thread;
mod witness;
