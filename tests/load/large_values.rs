//! Many writers of large values at a time, then quiet.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::ground::{Ground, put_quietly, value};
use super::memory::{CACHE, MEMTABLES, Part, ROOM, UPLOADS, writes};
use super::plan::Plan;
use super::scenario::Scenario;

const VALUE_BYTES: usize = 1_400_000;

const WRITERS: usize = 64;

pub(crate) struct LargeValues {
    values: usize,
}

impl LargeValues {
    pub(crate) fn new(plan: &Plan) -> LargeValues {
        LargeValues {
            values: plan.size(2 * WRITERS, 20 * WRITERS),
        }
    }
}

impl Scenario for LargeValues {
    fn name(&self) -> &'static str {
        "large_values"
    }

    fn size(&self) -> String {
        format!("{WRITERS} writers, {} values of 1.4 MB", self.values)
    }

    fn load(&self, ground: &Ground<'_>) -> Result<(), String> {
        let value = value(&mut ground.rng(), VALUE_BYTES);
        let refused = AtomicUsize::new(0);
        let write = |writer: usize| -> Result<(), String> {
            let mut connection = ground.connect()?;
            for _ in 0..self.values / WRITERS {
                let put = put_quietly(&format!("/load/{writer}"), &value);
                // Bodies share 64 MiB, and 64 of these have more: the documented refusal is an answer.
                match connection.exchange(&put) {
                    Ok(answer) if answer.status() < 300 => {}
                    _ => {
                        refused.fetch_add(1, Ordering::Relaxed);
                        connection = ground.connect()?;
                    }
                }
            }
            Ok(())
        };
        thread::scope(|scope| {
            let write = &write;
            let writers: Vec<_> = (0..WRITERS)
                .map(|writer| scope.spawn(move || write(writer)))
                .collect();
            writers
                .into_iter()
                .try_for_each(|writer| writer.join().expect("a writer does not panic"))
        })?;
        ground.hold();
        let refused = refused.into_inner();
        ground
            .findings
            .remark(format!("{refused} of {} values refused", self.values));
        Ok(())
    }

    fn takes(&self) -> Vec<Part> {
        vec![
            UPLOADS,
            CACHE,
            MEMTABLES,
            writes(WRITERS, VALUE_BYTES),
            ROOM,
        ]
    }
}
