//! The bytes of a log, format version 2 (version 1 is read too; only segment headers differ). Guarantees that every decoder accepts exactly what its encoder
//! writes and answers `None` or a reason, never a panic, to anything else.
//!
//! A log is a chain of segment files (see [`name`]). A segment is
//!
//! ```text
//! 0        512                                                    end of file
//! | header | group | pad | group | pad | ... | zeros, or stale bytes of an earlier use |
//! ```
//!
//! * The header ([`segment`]) fills one sector.
//! * A group ([`group`]) is what one write stored: a header and its records ([`record`]), zero-padded to
//!   the next 512-byte boundary. So groups start on sectors, a synced sector is never written again, and
//!   groups after damaged bytes can be found by looking at each sector.
//! * All integers are little-endian.
//!
//! **Checksums** are CRC-32 and form one chain through the log:
//!
//! ```text
//! segment start   c0 = crc(chain of the log before, salt, sequence)
//! group header    h  = crc(salt, header)   the header names the chain value before it
//! first record    r1 = crc(h, record)      later ones: rn = crc(rn-1, record)
//! ```
//!
//! where crc(a, b) continues from a. The chain value after a group is that of its last record (or h). A
//! group header is valid on its own (salt, sequence and offset are in it), and its records follow from
//! it; that it belongs *here* is shown by the chain value it names.
//!
//! The **salt** is drawn at each use of a file, so what a recycled file held before never passes: the
//! salt is compared as it stands and seeds the checksum besides.

#[cfg(test)]
mod fuzz;
pub(crate) mod group;
pub(crate) mod name;
pub(crate) mod record;
pub(crate) mod segment;
#[cfg(test)]
mod tests;

/// Format version written, and the newest one read.
pub const FORMAT_VERSION: u32 = 2;

/// Unit of alignment, and of what a disk writes all or nothing.
pub(crate) const SECTOR: u64 = 512;

/// Largest payload of one entry, in bytes (16 MiB).
pub const PAYLOAD_BYTES_MAX: usize = 16 << 20;

/// Continues a checksum over more bytes.
pub(crate) fn checksum(seed: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(seed);
    hasher.update(bytes);
    hasher.finalize()
}

/// The next sector boundary at or after `offset`.
pub(crate) const fn align(offset: u64) -> u64 {
    offset.div_ceil(SECTOR) * SECTOR
}

/// Reads the `N` bytes at `at`; the caller has checked the length.
pub(crate) fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(field(bytes, at))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(field(bytes, at))
}

pub(crate) fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    bytes[at..at + field.len()].copy_from_slice(field);
}
