//! The clients people already run, unchanged, against the server: Debian's `etcdctl`, `curl`, python-etcd and
//! Patroni's etcd class.
//!
//! `TEST_SERVER=debian cargo test --test clients` runs the same proofs against Debian's etcd 3.4, which shows that they
//! ask for what the original did.

#[path = "clients/etcdctl.rs"]
mod etcdctl;
#[path = "clients/fail_over.rs"]
mod fail_over;
#[path = "clients/node.rs"]
mod node;
#[path = "clients/python.rs"]
mod python;
mod support;
#[path = "clients/watching.rs"]
mod watching;
