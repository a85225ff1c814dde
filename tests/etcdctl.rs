//! This repository's `etcdctl` is Debian's to a script: the same command lines against twin servers, the tutorial word
//! for word, and what a process does beyond its output.
//!
//! `ETCDCTL_UNDER_TEST=/usr/bin/etcdctl cargo test --test etcdctl table` puts another client in the place of ours: with
//! Debian's on both sides every line must be equal, which shows that the table asks for nothing the original did not do.

#[path = "etcdctl/argument.rs"]
mod argument;
#[path = "etcdctl/canned.rs"]
mod canned;
#[path = "etcdctl/compare.rs"]
mod compare;
#[path = "etcdctl/exec_watch.rs"]
mod exec_watch;
#[path = "etcdctl/notation.rs"]
mod notation;
#[path = "etcdctl/pipe.rs"]
mod pipe;
#[path = "etcdctl/reconnect.rs"]
mod reconnect;
#[path = "etcdctl/side.rs"]
mod side;
#[path = "etcdctl/signal.rs"]
mod signal;
mod support;
#[path = "etcdctl/surroundings.rs"]
mod surroundings;
#[path = "etcdctl/table.rs"]
mod table;
#[path = "etcdctl/tutorial.rs"]
mod tutorial;
