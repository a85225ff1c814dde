//! The sparse index: where entries lie. Guarantees that memory is bounded by the bytes of the log and
//! not by its entries: one 24-byte point per 64 KiB of log (384 KiB for a log of 1 GiB), one more for
//! each conflicting tail that was replaced, 16 bytes for each change of term, one open file for each
//! segment.
//!
//! Invariants: `base.index <= last`; points ascend in index and in place; the entries
//! `[points[i].index, points[i + 1].index)` are found by reading groups from `points[i].place` forward,
//! without leaving the segment. So a group that goes back to an earlier index, and the first group of a
//! segment, always get a point.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::entry::{Place, Position};
use crate::error::Error;
use crate::format::segment::SegmentHeader;
use crate::fs::Fs;
use crate::scan::GroupSummary;
use crate::segment::Segment;

/// Bytes of log between two points: what a read of one entry scans at most, a group apart.
pub(crate) const POINT_BYTES: u64 = 64 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Point {
    index: u64,
    place: Place,
}

#[derive(Clone)]
pub(crate) struct Index<F: Fs> {
    segments: VecDeque<Arc<Segment<F>>>,
    base: Position,
    last: u64,
    points: VecDeque<Point>,
    /// (first index, term) of each run of entries of one term.
    terms: VecDeque<(u64, u64)>,
}

/// A run of entries and where to start reading for it.
pub(crate) struct Span<F: Fs> {
    pub(crate) segment: Arc<Segment<F>>,
    pub(crate) offset: u64,
    pub(crate) from: u64,
    /// Exclusive.
    pub(crate) until: u64,
}

/// A group that starts past the end of the log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Gap;

impl<F: Fs> Index<F> {
    /// The index of a log that starts with `segment`.
    pub(crate) fn new(segment: Arc<Segment<F>>) -> Self {
        let base = segment.header.base;
        Self {
            segments: VecDeque::from([segment]),
            base,
            last: base.index,
            points: VecDeque::new(),
            terms: VecDeque::new(),
        }
    }

    pub(crate) fn base(&self) -> Position {
        self.base
    }

    pub(crate) fn first(&self) -> u64 {
        self.base.index + 1
    }

    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    pub(crate) fn segments(&self) -> &VecDeque<Arc<Segment<F>>> {
        &self.segments
    }

    pub(crate) fn add_segment(&mut self, segment: Arc<Segment<F>>) {
        self.segments.push_back(segment);
    }

    /// Puts `segment` in the place of the newest one, which holds no group that counts.
    pub(crate) fn replace_newest(&mut self, segment: Arc<Segment<F>>) {
        self.segments.pop_back();
        self.segments.push_back(segment);
    }

    /// Notes a group that was written or read. An index at or below the last one replaces the tail.
    ///
    /// At the start of a log whose older segments are released, the oldest segment left may replace
    /// entries at or below its base: these were released too, so the base moves back to the first of
    /// them, of which the term is known.
    pub(crate) fn apply(&mut self, group: &GroupSummary) -> Result<(), Gap> {
        if group.entries == 0 {
            return Ok(());
        }
        let (mut first, mut replaced) = (group.first_index, false);
        if first > self.last + 1 {
            return Err(Gap);
        }
        if first <= self.base.index {
            self.base = Position {
                term: group.first_term,
                index: first,
            };
            self.points.clear();
            self.terms.clear();
            self.last = first;
            first += 1;
        } else if first <= self.last {
            replaced = true;
            self.truncate_from(first);
        }
        if group.last_index() < first {
            return Ok(());
        }
        if replaced || self.needs_point(group.place) {
            self.points.push_back(Point {
                index: first,
                place: group.place,
            });
        }
        self.note_terms(first, group);
        self.last = group.last_index();
        self.assert_order();
        Ok(())
    }

    /// What the module's head says, of the newest of each.
    fn assert_order(&self) {
        let before = |count: usize| count.checked_sub(2);
        let points = before(self.points.len()).map(|at| (self.points[at], self.points[at + 1]));
        let terms = before(self.terms.len()).map(|at| (self.terms[at], self.terms[at + 1]));
        let newest = self
            .points
            .back()
            .map_or(self.base.index, |point| point.index);
        assert!(
            self.base.index <= self.last
                && newest <= self.last
                && points.is_none_or(|(old, new)| old.index < new.index && old.place < new.place)
                && terms.is_none_or(|(old, new)| old.0 < new.0),
            "invariant index-order: base {:?}, last entry {}, newest points {points:?}, newest terms {terms:?}",
            self.base,
            self.last
        );
    }

    /// Forgets the entries after `last`; the base stays.
    pub(crate) fn truncate_after(&mut self, last: u64) {
        if last < self.last {
            self.truncate_from(last.max(self.base.index) + 1);
        }
    }

    fn needs_point(&self, place: Place) -> bool {
        self.points.back().is_none_or(|point| {
            point.place.sequence != place.sequence
                || place.offset - point.place.offset >= POINT_BYTES
        })
    }

    fn truncate_from(&mut self, first: u64) {
        while self.points.back().is_some_and(|point| point.index >= first) {
            self.points.pop_back();
        }
        while self.terms.back().is_some_and(|run| run.0 >= first) {
            self.terms.pop_back();
        }
        self.last = first - 1;
    }

    fn note_terms(&mut self, first: u64, group: &GroupSummary) {
        let runs = std::iter::once((group.first_index, group.first_term));
        for (index, term) in runs.chain(group.terms.iter().copied()) {
            let index = index.max(first);
            // The entries of that run are those below `first`: none is left.
            if self.terms.back().is_some_and(|run| run.0 == index) {
                self.terms.pop_back();
            }
            if self.terms.back().is_none_or(|run| run.1 != term) {
                self.terms.push_back((index, term));
            }
        }
    }

    /// Term of an entry of the log or of its base; `None` outside.
    pub(crate) fn term(&self, index: u64) -> Option<u64> {
        if index == self.base.index {
            return Some(self.base.term);
        }
        if index < self.base.index || index > self.last {
            return None;
        }
        let after = self.terms.partition_point(|run| run.0 <= index);
        self.terms.get(after.checked_sub(1)?).map(|run| run.1)
    }

    /// Where to read `[low, high)`, as far as about `max_bytes` need it and the log reaches.
    pub(crate) fn plan(
        &self,
        low: u64,
        high: u64,
        max_bytes: usize,
    ) -> Result<Vec<Span<F>>, Error> {
        if low <= self.base.index {
            return Err(Error::Compacted {
                index: low,
                first: self.first(),
            });
        }
        if high > self.last + 1 {
            return Err(Error::Unavailable {
                index: high - 1,
                last: self.last,
            });
        }
        let mut spans = Vec::new();
        let first = self.points.partition_point(|point| point.index <= low);
        let spans_max = max_bytes as u64 / POINT_BYTES + 2;
        let mut from = low;
        // A point at or below every entry of the log exists, so `first` is above 0 when low < high.
        for position in first.saturating_sub(1)..self.points.len() {
            if from >= high || spans.len() as u64 >= spans_max {
                break;
            }
            let point = self.points[position];
            let next = self
                .points
                .get(position + 1)
                .map_or(u64::MAX, |point| point.index);
            let until = next.min(high);
            if let Some(segment) = self.segment(point.place.sequence) {
                spans.push(Span {
                    segment,
                    offset: point.place.offset,
                    from,
                    until,
                });
            }
            from = until;
        }
        Ok(spans)
    }

    fn segment(&self, sequence: u64) -> Option<Arc<Segment<F>>> {
        let found = self
            .segments
            .binary_search_by_key(&sequence, |segment| segment.header.sequence);
        found
            .ok()
            .map(|position| Arc::clone(&self.segments[position]))
    }

    /// Takes the oldest segment out when a newer one exists and the log without it still starts at or
    /// below `through + 1`.
    pub(crate) fn release_oldest(&mut self, through: u64) -> Option<Arc<Segment<F>>> {
        let next = self.segments.get(1)?.header;
        let later = self
            .points
            .partition_point(|point| point.place.sequence < next.sequence);
        let live_last = self
            .points
            .get(later)
            .map_or(self.last, |point| point.index - 1);
        let first_left = self.points.get(later).map(|point| point.index);
        let base = self.base_without_oldest(&next, first_left);
        if live_last > through || base.index > through {
            return None;
        }
        self.points.drain(..later);
        self.move_base(base);
        self.segments.pop_front()
    }

    /// The base of the log when it starts with this segment: what recovery would take (see
    /// [`Index::apply`]), unless the base is past that already.
    fn base_without_oldest(&self, header: &SegmentHeader, first_left: Option<u64>) -> Position {
        let replaced = first_left.filter(|first| *first <= header.base.index);
        let index = replaced.unwrap_or(header.base.index).max(self.base.index);
        // The entry the header speaks of may have been replaced since it was written.
        let term = self.term(index).unwrap_or(header.base.term);
        Position { term, index }
    }

    fn move_base(&mut self, base: Position) {
        self.base = base;
        self.last = self.last.max(base.index);
        while self
            .points
            .get(1)
            .is_some_and(|point| point.index <= base.index + 1)
        {
            self.points.pop_front();
        }
        while self.terms.get(1).is_some_and(|run| run.0 <= base.index + 1) {
            self.terms.pop_front();
        }
        if let Some(run) = self.terms.front_mut() {
            run.0 = run.0.max(base.index + 1);
        }
        if base.index >= self.last {
            self.terms.clear();
            self.points.clear();
        } else if let Some(point) = self.points.front_mut() {
            point.index = point.index.max(base.index + 1);
        }
    }

    /// Starts again after the base of `segment`; returns the segments that no longer count.
    pub(crate) fn restart(&mut self, segment: Arc<Segment<F>>) -> VecDeque<Arc<Segment<F>>> {
        let old = std::mem::take(&mut self.segments);
        *self = Self::new(segment);
        old
    }
}
