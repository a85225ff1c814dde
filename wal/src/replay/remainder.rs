//! What lies after the place where reading stopped. Guarantees that every sector to the end of the file
//! was looked at: groups start on sectors, and each header is valid or not by itself.

use crate::entry::Place;
use crate::error::{Context, Error};
use crate::format::SECTOR;
use crate::format::group::{GroupHeader, is_broken_group};
use crate::fs::Fs;
use crate::scan::Window;
use crate::segment::Segment;

const READ_BYTES: u64 = 256 << 10;
static ZEROS: [u8; 32 << 10] = [0; 32 << 10];

/// Groups and other bytes found after the end of the valid ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Remainder {
    /// Largest claim of durability in this segment, and the index that goes with it.
    pub(crate) claim: Option<(u64, u64)>,
    /// First index of the first valid group header after the bad place.
    pub(crate) first_index: Option<u64>,
    /// Highest index that a valid group header in what was looked at speaks of.
    pub(crate) last_index: Option<u64>,
    /// Offset after the last byte that this use of the file left here.
    pub(crate) torn_end: Option<u64>,
}

impl Remainder {
    /// Last index lost, when entries from `first_index` on are missing up to the next readable group.
    pub(crate) fn lost_until(&self, first_index: u64) -> Option<u64> {
        let next = self.first_index.filter(|next| *next > first_index)?;
        Some(next - 1)
    }
}

/// Looks at every sector of `[from, limit)`.
pub(crate) fn look<F: Fs>(segment: &Segment<F>, from: u64, limit: u64) -> Result<Remainder, Error> {
    let mut window = Window::new(READ_BYTES);
    let mut later = Remainder::default();
    let mut offset = from;
    while offset < limit {
        let bytes = window
            .at(&segment.file, offset, 1, limit)
            .context("read", &segment.path)?;
        if bytes.is_empty() {
            break;
        }
        for run in bytes.chunks(ZEROS.len()) {
            // Nearly all of what is looked at was never written: skipped at the speed of memory.
            if *run != ZEROS[..run.len()] {
                for (sector, at) in run
                    .chunks(SECTOR as usize)
                    .zip((offset..).step_by(SECTOR as usize))
                {
                    look_at(segment, from, at, sector, &mut later);
                }
            }
            offset += run.len() as u64;
        }
    }
    later.torn_end = later.torn_end.map(|end| end.min(limit));
    Ok(later)
}

fn look_at<F: Fs>(
    segment: &Segment<F>,
    from: u64,
    offset: u64,
    sector: &[u8],
    later: &mut Remainder,
) {
    let segment = &segment.header;
    let place = Place {
        sequence: segment.sequence,
        offset,
    };
    if let Some((header, _)) = GroupHeader::decode(sector, place, segment.salt) {
        if header.durable.sequence == segment.sequence {
            let claim = (header.durable.offset, header.durable_index);
            later.claim = later.claim.max(Some(claim));
        }
        if offset > from && later.first_index.is_none() {
            later.first_index = Some(header.first_index);
        }
        later.last_index = later.last_index.max(Some(header.last_index()));
        later.torn_end = later.torn_end.max(Some(header.end()));
    } else if is_broken_group(sector, place, segment.salt) {
        later.torn_end = later.torn_end.max(Some(offset + sector.len() as u64));
    } else if let Some(last) = sector.iter().rposition(|byte| *byte != 0)
        && !segment.reused
    {
        // Nothing but this use of the file can have written here.
        later.torn_end = later.torn_end.max(Some(offset + last as u64 + 1));
    }
}
