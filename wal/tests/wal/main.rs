//! What the log promises, seen from outside. A failing seeded test prints its seed; `WAL_SEED=<seed>`
//! with the test's name runs that one alone.

mod support;

mod fault;
mod model;
mod power;
