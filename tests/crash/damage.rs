//! F5 with whole processes: a sector lost in the middle of the log, with acknowledged writes after it. The server must
//! refuse to start and say which file, where, and which entries; it must not change a byte of the log.

use std::time::Duration;

use super::image::Image;
use super::segment::Written;
use super::support::seed::{self, Rng};

const SECTOR_BYTES: u64 = 512;

/// Writes of the test; the sectors lie well before the last ones.
const WRITES: usize = 120;
const WRITES_AFTER: usize = 20;

const START_LIMIT: Duration = Duration::from_secs(30);

#[test]
fn lost_sector_in_the_middle_of_the_log_is_refused() {
    let seed = seed::from_env("CRASH_SEED");
    println!("replay: CRASH_SEED={seed} cargo test --test crash lost_sector");
    let mut rng = Rng::new(seed);
    let mut written = Written::new(&mut rng, 1_000_000, WRITES);
    for _ in 0..seed::number_from_env("CRASH_CUTS", 30).div_ceil(3) {
        let first = written.ends[0].div_ceil(SECTOR_BYTES);
        let last = written.ends[WRITES - WRITES_AFTER] / SECTOR_BYTES - 1;
        let sector = rng.between(first, last) * SECTOR_BYTES;
        let bytes = if rng.chance(50) {
            vec![0; SECTOR_BYTES as usize]
        } else {
            rng.bytes(SECTOR_BYTES as usize)
        };
        lose(&mut written, sector, &bytes);
    }
}

/// Replaces the sector, starts, and checks the refusal.
fn lose(written: &mut Written, sector: u64, bytes: &[u8]) {
    written.restore_with(|content| {
        let from = sector as usize;
        content.bytes[from..from + bytes.len()].copy_from_slice(bytes);
    });
    let before = Image::take(written.server.data_dir());
    let said_before = written.server.log().len();
    written.server.respawn();
    let status = written.server.wait_exit(START_LIMIT);
    let log = written.server.log();
    let said = &log[said_before..];
    let told = format!("sector at {sector}: {status}\n{said}");
    assert!(status.code().is_some_and(|code| code != 0), "{told}");
    let name = written.segment.file_name().expect("a segment is a file");
    let name = name.to_string_lossy();
    let sentence = said.lines().find(|line| line.contains(name.as_ref()));
    let sentence = sentence.unwrap_or_else(|| panic!("the file {name} is not named: {told}"));
    // The damage is reported at the record or group it hits, which begins in the write that reaches into the sector.
    let begins = written.ends.iter().rev().find(|end| **end <= sector);
    let begins = begins.copied().unwrap_or(0).saturating_sub(SECTOR_BYTES);
    let after_name = sentence.split(name.as_ref()).last().unwrap_or("");
    let numbers = numbers(after_name);
    assert!(
        numbers
            .iter()
            .any(|number| (begins..sector + SECTOR_BYTES).contains(number)),
        "no offset from {begins} to {}: {told}",
        sector + SECTOR_BYTES
    );
    assert!(numbers.len() >= 3, "no offset and index range: {told}");
    assert!(
        before.below("wal") == Image::take(written.server.data_dir()).below("wal"),
        "the refusal changed the log: {told}"
    );
}

/// The decimal numbers in `text`.
fn numbers(text: &str) -> Vec<u64> {
    text.split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect()
}
