//! The judgement of a directory: real stores, damaged in every way a disk or a hand can, and
//! RocksDB's own opinion beside ours wherever it may be asked without harm.
//!
//! `JUDGE_SEED` replays the sampled bits.
#![forbid(unsafe_code)]

mod agreement;
mod creation;
mod current;
mod manifest;
mod sound;
mod strays;
mod support;
mod tables;
