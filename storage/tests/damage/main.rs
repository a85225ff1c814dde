//! Damaged tables, through the public doors: what is told, what goes on, and what comes back after
//! a reopening. Every table is a real one of RocksDB, hurt by hand.

mod support;
mod tables;
