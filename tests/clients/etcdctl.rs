//! Debian's `etcdctl` in v2 mode and `curl`: whole sessions, compared byte for byte.

use super::node;
use super::support::client;
use super::support::server::Server;
use super::support::transcript::{self, Voice};

fn replay(server: &Server, name: &str) {
    let file = format!("tests/clients/transcripts/{name}.txt");
    transcript::replay(&client::debian(), Voice::Original, server, &file);
}

/// The tutorial's key commands in its order, with the output the reference's checklist gives.
#[test]
fn tutorial() {
    replay(&node::start(), "tutorial");
}

/// Every key command with its options, formats, errors and exit codes.
#[test]
fn commands() {
    replay(&node::start(), "commands");
}

/// The tutorial's part about the HTTP API.
#[test]
fn curl() {
    replay(&node::start(), "curl");
}

/// What only this server promises: the machines in the key space, and sorted listings.
#[test]
fn beyond_the_original() {
    let server = node::start();
    if node::is_ours(&server) {
        replay(&server, "ours");
    }
}
