//! Where a node's log comes from, before it is open.

use wal::fs::Fs;

use crate::node::judgement::StartPlan;
use crate::node::marker::Marker;
use crate::node::witness_file::WitnessFile;

/// See the module.
pub enum LogOrigin<F: Fs> {
    /// The founding just made it.
    Founded(Box<wal::Wal<F>>, WitnessFile<F>),
    /// It was here.
    Judged(Box<StartPlan<F>>),
}

impl<F: Fs> LogOrigin<F> {
    /// The newest position of the log that anybody testifies to, before it is open.
    pub fn newest_witness(&self, marker: &Marker) -> wal::Witness {
        match self {
            Self::Founded(wal, _) => wal.witness(),
            Self::Judged(plan) => {
                let stored = marker.witness.as_deref().map(wal::Witness::decode);
                let stored = stored.and_then(Result::ok);
                let file = plan.witness_file.testimony().map(|said| said.witness);
                let known = stored.into_iter().chain(file);
                known
                    .max_by_key(|witness| witness.place)
                    .unwrap_or(wal::Witness {
                        place: wal::Place::default(),
                        index: 0,
                        chain: 0,
                    })
            }
        }
    }
}
