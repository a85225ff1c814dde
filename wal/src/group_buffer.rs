//! Groups not yet written. Guarantees one copy of each payload, into a buffer that is written as it is
//! and used again, and that a group holds entries of consecutive indexes only.

use std::collections::VecDeque;

use crate::entry::{Entry, HardState};
use crate::format::PAYLOAD_BYTES_MAX;
use crate::format::group::{GROUP_HEADER_BYTES, GroupHeader, padded_len};
use crate::format::record;
use crate::scan::GroupSummary;

/// The group buffer, cut into groups.
pub(crate) struct GroupBuffer {
    groups: VecDeque<GroupDraft>,
    /// A written group's buffer, for the next one.
    spare: Vec<u8>,
    group_bytes: usize,
}

/// A group being filled: room for the header, then records without checksums.
pub(crate) struct GroupDraft {
    buffer: Vec<u8>,
    /// Zeros at the end of the buffer while it is sealed.
    padding: usize,
    records: u32,
    summary: GroupSummary,
}

impl GroupBuffer {
    pub(crate) fn new(group_bytes: usize) -> Self {
        Self {
            groups: VecDeque::new(),
            spare: Vec::new(),
            group_bytes: group_bytes.clamp(1, PAYLOAD_BYTES_MAX),
        }
    }

    /// Appends an entry; `last` is the index of the entry before it in the order of appending.
    pub(crate) fn push_entry(&mut self, entry: &Entry, last: u64) {
        let bytes = record::encoded_len(entry.payload.len());
        let follows = |group: &GroupDraft| group.summary.entries == 0 || entry.index == last + 1;
        let group = self.open_group(bytes, last, follows);
        record::push_entry(&mut group.buffer, entry);
        group.summary.note_entry(entry.index, entry.term);
        group.records += 1;
    }

    pub(crate) fn push_hard_state(&mut self, state: &HardState, last: u64) {
        let group = self.open_group(record::HARD_STATE_RECORD_BYTES, last, |_| true);
        record::push_hard_state(&mut group.buffer, state, last);
        group.summary.hard_state = Some(*state);
        group.records += 1;
    }

    fn open_group(
        &mut self,
        bytes: usize,
        last: u64,
        fits: impl Fn(&GroupDraft) -> bool,
    ) -> &mut GroupDraft {
        let limit = self.group_bytes;
        let room = |group: &&mut GroupDraft| group.body().len() + bytes <= limit && fits(group);
        let reuse = self.groups.back_mut().filter(room).is_some();
        if !reuse {
            let mut buffer = std::mem::take(&mut self.spare);
            buffer.clear();
            buffer.resize(GROUP_HEADER_BYTES, 0);
            let summary = GroupSummary::empty(last);
            self.groups.push_back(GroupDraft {
                buffer,
                padding: 0,
                records: 0,
                summary,
            });
        }
        let newest = self.groups.len() - 1;
        &mut self.groups[newest]
    }

    pub(crate) fn front_mut(&mut self) -> Option<&mut GroupDraft> {
        self.groups.front_mut()
    }

    /// Drops the first group, which was written, and keeps its buffer unless it was unusually large.
    pub(crate) fn pop(&mut self) -> Option<GroupSummary> {
        let group = self.groups.pop_front()?;
        if group.buffer.capacity() <= 2 * self.group_bytes {
            self.spare = group.buffer;
        }
        Some(group.summary)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.groups.clear();
    }
}

impl GroupDraft {
    /// A group rebuilt from records that were read.
    pub(crate) fn rebuilt(body: &[u8], header: &GroupHeader, summary: GroupSummary) -> Self {
        let mut buffer = vec![0; GROUP_HEADER_BYTES];
        buffer.extend_from_slice(body);
        Self {
            buffer,
            padding: 0,
            records: header.records,
            summary,
        }
    }

    fn body(&self) -> &[u8] {
        &self.buffer[GROUP_HEADER_BYTES..self.buffer.len() - self.padding]
    }

    /// Bytes it takes in a segment.
    pub(crate) fn padded_len(&self) -> u64 {
        padded_len(self.body().len())
    }

    /// Gives it a place: fills in header and checksums, and pads it. Calling it again, after a failed
    /// write, gives it another.
    pub(crate) fn seal(&mut self, placed: &GroupHeader) -> (&[u8], &GroupSummary) {
        self.unseal();
        let body = self.body().len();
        let header = GroupHeader {
            first_index: self.summary.first_index,
            entries: self.summary.entries,
            records: self.records,
            // At most BODY_BYTES_MAX: a group is closed before it, and a record is no larger.
            body_bytes: body as u32,
            ..*placed
        };
        let seed = header.encode_into(&mut self.buffer);
        self.summary.chain = record::seal(&mut self.buffer[GROUP_HEADER_BYTES..], seed);
        self.summary.place = header.place;
        self.summary.end = header.end();
        self.padding = padded_len(body) as usize - self.buffer.len();
        self.buffer.resize(self.buffer.len() + self.padding, 0);
        (&self.buffer, &self.summary)
    }

    /// Makes its first record one that nobody can read, under a checksum that fits.
    #[cfg(test)]
    pub(crate) fn spoil(&mut self) {
        self.buffer[GROUP_HEADER_BYTES + record::RESERVED.start] = 1;
    }

    /// Takes the padding away, so that more can be appended.
    pub(crate) fn unseal(&mut self) {
        self.buffer.truncate(self.buffer.len() - self.padding);
        self.padding = 0;
    }
}
