//! What decides, and what carries it out, asks the machine through seams alone: a simulation then drives whole members
//! from one seed, and two runs of it are the same.

use crate::tree::rust_files;
use crate::{lines_with, program, report};

/// Rooms that a simulation holds whole.
const ROOMS: [&str; 4] = ["src/node", "src/raft", "src/service", "src/watch"];

/// What asks the machine, and the file that does it for all.
const ASKS: [(&[&str], &str); 9] = [
    (&["Instant", "::", "now"], "src/clock.rs"),
    (&["SystemTime", "::", "now"], "src/clock.rs"),
    (&["clock_gettime"], "src/clock.rs"),
    // Of an `Instant`; the clock's own takes one.
    (&[".", "elapsed", "(", ")"], "src/clock.rs"),
    (&["thread", "::", "sleep"], "src/clock.rs"),
    (&["statvfs"], "src/node/disk_space.rs"),
    (&["fstatvfs"], "src/node/disk_space.rs"),
    // Given at construction, by who starts a node.
    (&["Clock", "::", "system"], "src/clock.rs"),
    (&["DiskSpace", "::", "system"], "src/node/disk_space.rs"),
];

#[test]
fn time_and_free_space_come_through_seams() {
    let mut offences = Vec::new();
    for file in ROOMS.into_iter().flat_map(rust_files) {
        let tokens = program(&file);
        for (asked, seam) in ASKS {
            let lines = if file == seam {
                Vec::new()
            } else {
                lines_with(&tokens, asked)
            };
            let told = |line| format!("{file}:{line}: {}: ask {seam}", asked.concat());
            offences.extend(lines.into_iter().map(told));
        }
    }
    report("a simulation cannot replay what asks the machine", offences);
}
