//! The reading half: the store as any number of threads hold it, views at one revision, the tree now and then, events, and
//! the search for them.

pub(crate) mod ancestor;
pub(crate) mod core;
pub(crate) mod current;
pub(crate) mod deadline;
pub(crate) mod event;
pub(crate) mod export;
pub(crate) mod get;
pub(crate) mod hidden;
pub(crate) mod history;
pub(crate) mod lease;
pub(crate) mod opening;
pub(crate) mod past;
pub(crate) mod point;
pub(crate) mod retired;
pub(crate) mod search;
pub(crate) mod statistics;
pub(crate) mod store;
pub(crate) mod verify;
pub(crate) mod view;
pub(crate) mod walk;
