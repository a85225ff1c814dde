//! Reading groups back. Guarantees that a group handed out had a valid header at its place, and that
//! walking its records checks every byte of them.

use std::io;
use std::ops::Range;

use bytes::Bytes;

use crate::damage::Defect;
use crate::entry::{HardState, Place};
use crate::format::group::{GROUP_HEADER_BYTES, GroupHeader};
use crate::format::record::{self, Record};
use crate::fs::File;

/// A piece of a file in memory, so that small groups cost no system call each.
pub(crate) struct Window {
    chunk: u64,
    start: u64,
    data: Bytes,
}

impl Window {
    /// Reads `chunk` bytes at a time.
    pub(crate) fn new(chunk: u64) -> Self {
        Self {
            chunk,
            start: 0,
            data: Bytes::new(),
        }
    }

    /// The bytes from `offset` on: at least `len` of them unless the file ends at `limit` before that.
    pub(crate) fn at<F: File>(
        &mut self,
        file: &F,
        offset: u64,
        len: u64,
        limit: u64,
    ) -> io::Result<Bytes> {
        let wanted = len.min(limit.saturating_sub(offset));
        let inside = offset >= self.start && offset + wanted <= self.start + self.data.len() as u64;
        if !inside {
            let take = wanted.max(self.chunk).min(limit.saturating_sub(offset));
            let take = usize::try_from(take).map_err(io::Error::other)?;
            // The buffer is used again unless somebody still holds a payload in it: fresh memory for
            // each piece would cost more than reading it.
            let mut buffer = std::mem::take(&mut self.data)
                .try_into_mut()
                .unwrap_or_default();
            buffer.resize(take, 0);
            let filled = file.read_full_at(offset, &mut buffer)?;
            buffer.truncate(filled);
            self.start = offset;
            self.data = buffer.freeze();
        }
        // Fits: the distance lies inside a buffer that is in memory.
        Ok(self.data.slice((offset - self.start) as usize..))
    }
}

/// A group whose header is valid; its records are checked by [`Group::walk`].
pub(crate) struct Group {
    pub(crate) header: GroupHeader,
    seed: u32,
    body: Bytes,
}

/// What a group did to the log, without its payloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupSummary {
    pub(crate) place: Place,
    /// Offset after the group.
    pub(crate) end: u64,
    pub(crate) first_index: u64,
    pub(crate) entries: u32,
    /// Term of the first entry; each later change is in `terms`.
    pub(crate) first_term: u64,
    pub(crate) terms: Vec<(u64, u64)>,
    pub(crate) hard_state: Option<HardState>,
    /// Chain value after the group.
    pub(crate) chain: u32,
}

impl GroupSummary {
    pub(crate) fn last_index(&self) -> u64 {
        (self.first_index + u64::from(self.entries)).saturating_sub(1)
    }

    pub(crate) fn end_place(&self) -> Place {
        Place {
            offset: self.end,
            ..self.place
        }
    }

    pub(crate) fn last_term(&self) -> u64 {
        self.terms.last().map_or(self.first_term, |change| change.1)
    }

    /// Notes the next entry of the group.
    pub(crate) fn note_entry(&mut self, index: u64, term: u64) {
        if self.entries == 0 {
            self.first_index = index;
            self.first_term = term;
        } else if self.last_term() != term {
            self.terms.push((index, term));
        }
        self.entries += 1;
    }

    /// A group that holds nothing yet and would continue after `last_index`.
    pub(crate) fn empty(last_index: u64) -> Self {
        Self {
            place: Place::default(),
            end: 0,
            first_index: last_index + 1,
            entries: 0,
            first_term: 0,
            terms: Vec::new(),
            hard_state: None,
            chain: 0,
        }
    }
}

impl Group {
    /// Reads the group at `place` of a file with this salt that ends at `limit`.
    pub(crate) fn read<F: File>(
        window: &mut Window,
        file: &F,
        place: Place,
        salt: u64,
        limit: u64,
    ) -> io::Result<Result<Self, Defect>> {
        let head = window.at(file, place.offset, GROUP_HEADER_BYTES as u64, limit)?;
        let Some((header, seed)) = GroupHeader::decode(&head, place, salt) else {
            return Ok(Err(Defect::GroupHeader));
        };
        let len = GROUP_HEADER_BYTES + header.body_bytes as usize;
        let bytes = window.at(file, place.offset, len as u64, limit)?;
        if bytes.len() < len {
            return Ok(Err(Defect::GroupLength));
        }
        let body = bytes.slice(GROUP_HEADER_BYTES..len);
        Ok(Ok(Self { header, seed, body }))
    }

    /// The bytes of the records, as they lie in the file.
    pub(crate) fn body(&self) -> &Bytes {
        &self.body
    }

    /// Checks every record and gives it to `each`; returns what the group did.
    pub(crate) fn walk(
        &self,
        mut each: impl FnMut(&Record, Bytes),
    ) -> Result<GroupSummary, Defect> {
        walk(&self.header, self.seed, &self.body, |record, payload| {
            each(record, self.body.slice(payload));
        })
    }
}

/// What the group does that `bytes` are, if every byte of it is right.
pub(crate) fn summary(bytes: &[u8], place: Place, salt: u64) -> Result<GroupSummary, Defect> {
    let (header, seed) = GroupHeader::decode(bytes, place, salt).ok_or(Defect::GroupHeader)?;
    let body = bytes.get(GROUP_HEADER_BYTES..).unwrap_or_default();
    let body = body
        .get(..header.body_bytes as usize)
        .ok_or(Defect::GroupLength)?;
    walk(&header, seed, body, |_, _| {})
}

fn walk(
    header: &GroupHeader,
    seed: u32,
    body: &[u8],
    mut each: impl FnMut(&Record, Range<usize>),
) -> Result<GroupSummary, Defect> {
    let mut summary = GroupSummary::empty(header.first_index.saturating_sub(1));
    summary.place = header.place;
    summary.end = header.end();
    summary.first_index = header.first_index;
    summary.chain = seed;
    let (mut at, mut records) = (0, 0);
    while at < body.len() {
        let decoded = record::decode(body, at, summary.chain)?;
        match decoded.record {
            Record::Entry { term, index, .. } => {
                if index != header.first_index + u64::from(summary.entries) {
                    return Err(Defect::RecordFields);
                }
                summary.note_entry(index, term);
            }
            Record::HardState(state) => summary.hard_state = Some(state),
        }
        at = decoded.payload.end;
        records += 1;
        summary.chain = decoded.chain;
        each(&decoded.record, decoded.payload);
    }
    if (records, summary.entries) != (header.records, header.entries) {
        return Err(Defect::RecordFields);
    }
    Ok(summary)
}
