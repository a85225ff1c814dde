//! Damaged tables, through the public doors: what is told, what goes on, and what comes back after
//! a reopening. Every table is a real one of RocksDB, hurt by hand.

mod background;
mod read_only;
mod reopen;
mod support;
mod tables;
mod writes;
