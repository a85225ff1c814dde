//! Whole logs whose newest segment was mutated, checksums put right: opening ends, in a log or in a refusal.

use std::path::Path;

use fuzz::Campaign;

use crate::damage::log_of;
use crate::support::{open_plain, read_all, segments};

const SECTOR: usize = 512;
const GROUP: usize = 80;
const RECORD: usize = 32;

fn checksum(seed: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(seed);
    hasher.update(bytes);
    hasher.finalize()
}

fn number(bytes: &[u8], at: usize) -> usize {
    let field = bytes[at..at + 4].try_into().unwrap();
    u32::from_le_bytes(field) as usize
}

fn put(bytes: &mut [u8], at: usize, sum: u32) {
    bytes[at..at + 4].copy_from_slice(&sum.to_le_bytes());
}

/// Seals header, groups and records again, as far as the lengths lead.
#[allow(clippy::ptr_arg)] // what a campaign mends may also change its length
fn mend(bytes: &mut Vec<u8>) {
    if bytes.len() < SECTOR {
        return;
    }
    let sum = checksum(checksum(0, &bytes[..12]), &bytes[16..SECTOR]);
    put(bytes, 12, sum);
    let (mut at, mut before) = (SECTOR, None);
    while at + GROUP <= bytes.len() && bytes[at..at + 4] == *b"WGRP" {
        let end = at + GROUP + number(bytes, at + 72);
        if end > bytes.len() {
            return;
        }
        if let Some(chain) = before {
            put(bytes, at + 76, chain);
        }
        let mut chain = checksum(
            checksum(0, &bytes[at + 8..at + 16]),
            &bytes[at + 8..at + GROUP],
        );
        put(bytes, at + 4, chain);
        let mut record = at + GROUP;
        while record + RECORD <= end && record + RECORD + number(bytes, record + 4) <= end {
            let next = record + RECORD + number(bytes, record + 4);
            chain = checksum(chain, &bytes[record + 4..next]);
            put(bytes, record, chain);
            record = next;
        }
        before = Some(chain);
        at = end.next_multiple_of(SECTOR);
    }
}

#[test]
fn a_log_with_a_mutated_segment_opens_or_is_refused() {
    let log = log_of(1, 6, 40);
    let newest = segments(&log.disk).pop().unwrap();
    let content = log.disk.content(&newest).unwrap();
    let run = |bytes: &[u8], path: &Path| {
        let disk = log.disk.fork();
        disk.corrupt(path, |content| *content = bytes.to_vec());
        let opened = open_plain(&disk, None);
        opened.is_ok_and(|(log, _)| read_all(&log).len() < usize::MAX)
    };
    Campaign::new("wal log")
        .corpus([content])
        .words(&[b"WGRP", b"etcd2wal", &[0; 16]])
        .mend(mend)
        .share(10)
        // The simulated disk is memory too.
        .memory(64 << 20, 64)
        .run(|bytes| run(bytes, &newest));
}
