//! What a machine may lack: a test that needs it says so and leaves that part out, and the closing lines of `tools/test.sh`
//! repeat it.

use std::io::Write as _;
use std::net::ToSocketAddrs as _;
use std::thread;

/// Says that the present test leaves something out. Past the capture of a test's output: it succeeds, and nobody would
/// read it.
pub(crate) fn not_run(reason: &str) {
    let thread = thread::current();
    let name = thread.name().unwrap_or("a test");
    // Without standard error there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "not run: {name}: {reason}");
}

/// Whether `localhost` leads to 127.0.0.1, as /etc/hosts says nearly everywhere; says so if not.
pub(crate) fn has_localhost() -> bool {
    let addresses = ("localhost", 1).to_socket_addrs();
    let there = addresses.is_ok_and(|mut found| found.any(|at| at.ip().is_loopback()));
    if !there {
        not_run("no name localhost on this machine (/etc/hosts)");
    }
    there
}
