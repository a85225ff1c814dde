//! Sums of documented limits: what resident memory may grow by under a load, and what of that may stay.
//!
//! Everything is in bytes. A sum names its parts, so that who reads a failure need not look for them here.

pub(crate) const MIB: u64 = 1 << 20;

/// One part of a sum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) bytes: u64,
    pub(crate) what: &'static str,
}

const fn part(bytes: u64, what: &'static str) -> Part {
    Part { bytes, what }
}

/// `--cache-size`, which a load may find empty and leave full.
pub(crate) const CACHE: Part = part(96 * MIB, "caches");
/// The store's memtables: 16 MiB that are filled, 16 MiB that are being written out.
pub(crate) const MEMTABLES: Part = part(32 * MIB, "memtables");
/// Bodies that are being read, all together.
pub(crate) const UPLOADS: Part = part(64 * MIB, "bodies being read");
/// Blocks that such a body has outgrown, 1, 2, 4 and 8 MiB for one of 9, until the allocator gives them back.
pub(crate) const OUTGROWN: Part = part(64 * MIB, "blocks that bodies outgrew");
/// Events that watchers have not taken yet, and those on their way to clients, 64 MiB each.
pub(crate) const EVENTS: Part = part(128 * MIB, "events that wait or are sent");
/// What an allocator keeps in pieces, stacks of threads, blocks of a flush or a compaction.
pub(crate) const ROOM: Part = part(48 * MIB, "room");

/// `--cache-size` where a scenario asks for that little, so that it hides nothing.
pub(crate) const SMALL_CACHE: Part = part(8 * MIB, "caches");
/// The option for it.
pub(crate) const SMALL_CACHE_SIZE: &str = "--cache-size=8MiB";
/// What one step of an expiry removes together.
const EXPIRY_BYTES: u64 = 8 * MIB;

/// A PUT stands in so many places at a time: form, command, buffer of the log, three clones inside the core, rows of
/// the store's batch, memtable, answer.
const PLACES_OF_A_WRITE: u64 = 8;

/// Writes of large values that are under way together.
pub(crate) fn writes(clients: usize, value: usize) -> Part {
    // The intake holds no more than 64 MiB, whoever asks.
    let under_way = (clients as u64 * value as u64).min(64 * MIB);
    part(PLACES_OF_A_WRITE * under_way, "writes under way")
}

/// One step of an expiry: what is removed stands in as many places as what is written.
pub(crate) const EXPIRY: Part = part(PLACES_OF_A_WRITE * EXPIRY_BYTES, "a step of an expiry");

/// So many clients, each of which may cost that much.
pub(crate) fn each(clients: usize, bytes: u64, what: &'static str) -> Part {
    part(clients as u64 * bytes, what)
}

pub(crate) fn sum(parts: &[Part]) -> u64 {
    parts.iter().map(|part| part.bytes).sum()
}

/// The sum and its parts, in MiB.
pub(crate) fn show(parts: &[Part]) -> String {
    let words: Vec<String> = parts
        .iter()
        .map(|part| format!("{} {}", mib(part.bytes), part.what))
        .collect();
    format!("{} MiB ({})", mib(sum(parts)), words.join(" + "))
}

pub(crate) fn mib(bytes: u64) -> u64 {
    bytes.div_ceil(MIB)
}
