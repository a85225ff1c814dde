//! The header of an entry: what a leader stamps on a proposal when it takes it.

use super::error::DecodeError;
use super::version::{HEADER_BYTES, NEWEST, VERSION};

/// Nanoseconds in the unit of [`Stamp::behind`] on disk.
const BEHIND_UNIT: u64 = 1_000;

/// The times a leader gives a proposal, and the id its client waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp {
    /// Unique among the requests of all nodes, ever.
    pub request: u64,
    /// Cluster time in nanoseconds.
    pub cluster_time: u64,
    /// Wall clock in nanoseconds since the Unix epoch: what clients are shown.
    pub wall: u64,
    /// How far, in nanoseconds, `wall` is behind what it would be had no wall clock of this cluster ever been wrong
    /// backwards. Time across boots counts from `wall + behind`. Apply does not look at it.
    pub behind: u64,
    /// Which boot of which machine `boottime` belongs to.
    pub boot: u64,
    /// `CLOCK_BOOTTIME` in nanoseconds.
    pub boottime: u64,
}

impl Stamp {
    /// Fills in the header of an entry, its version excepted.
    pub(super) fn write(&self, header: &mut [u8; HEADER_BYTES]) {
        // Rounded up: what counts from it is late rather than early. Seven bytes of it hold 2,283 years.
        let behind = self.behind.div_ceil(BEHIND_UNIT).to_le_bytes();
        header[1..8].copy_from_slice(&behind[..7]);
        let fields = [
            self.request,
            self.cluster_time,
            self.wall,
            self.boot,
            self.boottime,
        ];
        for (slot, field) in header[8..].chunks_exact_mut(8).zip(fields) {
            slot.copy_from_slice(&field.to_le_bytes());
        }
    }

    /// Reads the header of an entry alone.
    ///
    /// # Errors
    /// [`DecodeError::TooShort`], [`DecodeError::NewerVersion`].
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let Some(header) = data.first_chunk::<HEADER_BYTES>() else {
            return Err(DecodeError::TooShort(data.len()));
        };
        if !(VERSION..=NEWEST).contains(&header[0]) {
            return Err(DecodeError::NewerVersion(header[0]));
        }
        let (words, _) = header.as_chunks::<8>();
        let word = |at: usize| u64::from_le_bytes(words[at]);
        Ok(Self {
            // The version is the lowest byte of the first word.
            behind: (word(0) >> 8).saturating_mul(BEHIND_UNIT),
            request: word(1),
            cluster_time: word(2),
            wall: word(3),
            boot: word(4),
            boottime: word(5),
        })
    }
}
