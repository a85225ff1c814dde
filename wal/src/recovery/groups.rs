//! The groups of a log, and which of them are proven durable. Guarantees that what may have come from the page cache
//! alone is told apart from what a witness, a later group or a next segment shows to have been synced.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::damage::{Defect, LogDamage, Lost, Proof};
use crate::error::Error;
use crate::fs::Fs;
use crate::index::Index;
use crate::replay::Replay;
use crate::scan::GroupSummary;
use crate::segment::Segment;
use crate::tail::Tail;

/// The valid groups of a log that was read to its end.
pub(super) struct ValidGroups<F: Fs> {
    /// All of them.
    pub(super) index: Index<F>,
    /// Those that are proven durable.
    pub(super) proven_index: Index<F>,
    /// End of what is proven durable.
    pub(super) proven: Tail,
    /// Those after that.
    pub(super) unproven: VecDeque<GroupSummary>,
    /// End of all of them.
    pub(super) end: Tail,
}

impl<F: Fs> ValidGroups<F> {
    /// Reads all groups, up to the first place where there is none.
    pub(super) fn read(replay: &mut Replay<F>) -> Result<Self, Error> {
        let segments = replay.chain.segments.clone();
        let newest = segments.len() - 1;
        let mut proven = Tail::start_of(&segments[newest].header);
        let witnessed = replay.witnesses.newest().map(|witness| witness.place);
        let mut known_durable = witnessed.unwrap_or(proven.place);
        let mut index = Index::new(Arc::clone(&segments[0]));
        let mut unproven: VecDeque<GroupSummary> = VecDeque::new();
        while let Some(step) = replay.step(|_, _| {})? {
            add_until(&mut index, &segments, step.segment);
            let segment = &segments[step.segment];
            if step.segment < newest {
                // Segments that have a next one are durable as a whole.
                apply(&mut index, segment, &step.group)?;
                continue;
            }
            known_durable = known_durable.max(step.durable);
            unproven.push_back(step.group);
            // What is proven goes into the index at once, so this queue holds the unproven groups only.
            while let Some(group) = unproven.front() {
                if group.end_place() > known_durable {
                    break;
                }
                apply(&mut index, segment, group)?;
                proven.advance(group);
                unproven.pop_front();
            }
        }
        add_until(&mut index, &segments, replay.segment());
        let proven_index = index.clone();
        for group in &unproven {
            apply(&mut index, &segments[newest], group)?;
        }
        Ok(Self {
            index,
            proven_index,
            proven,
            unproven,
            end: replay.tail,
        })
    }
}

/// Adds the segments that reading has come to since.
fn add_until<F: Fs>(index: &mut Index<F>, segments: &[Arc<Segment<F>>], reached: usize) {
    for segment in &segments[index.segments().len()..=reached] {
        index.add_segment(Arc::clone(segment));
    }
}

fn apply<F: Fs>(
    index: &mut Index<F>,
    segment: &Segment<F>,
    group: &GroupSummary,
) -> Result<(), Error> {
    let first = index.last() + 1;
    let applied = index.apply(group);
    applied.map_err(|_| {
        Error::from(LogDamage {
            file: segment.path.clone(),
            offset: group.place.offset,
            lost: Lost::up_to(first, group.last_index()),
            shown: None,
            proof: Proof::LaterGroup,
            reason: Defect::IndexGap,
        })
    })
}
