//! Every difference from Debian's etcd 3.4.23 that was chosen. Whatever is not in this table fails the proof.

use std::collections::BTreeMap;

/// How the proof deals with a chosen difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// Both answers are brought into one form before they are compared.
    Normalised,
    /// The one pair of answers it describes is let pass, and counted.
    Excused,
    /// No request of this proof goes there.
    LeftOut,
}

/// One chosen difference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// The name under which its uses are counted.
    pub(crate) name: &'static str,
    /// Where the reference recommends or the design decides it.
    pub(crate) section: &'static str,
    /// What differs.
    pub(crate) reason: &'static str,
    /// What the proof does about it.
    pub(crate) treatment: Treatment,
}

use Treatment::{Excused, LeftOut, Normalised};

/// The table.
pub(crate) const KNOWN: &[Known] = &[
    Known {
        name: FIRST_INDEX,
        section: "keys-api 6, design 17",
        reason: "a fresh 3.4 server has used 3 indexes, ours 2: indexes and in-order names are compared relative to that",
        treatment: Normalised,
    },
    Known {
        name: UNSORTED,
        section: "keys-api 2.5",
        reason: "3.4 lists in random order unless asked to sort, ours always sorts",
        treatment: Normalised,
    },
    Known {
        name: DOUBLE_DELIVERY,
        section: "keys-api 8.7",
        reason: "3.4 sends a removal twice to a stream registered exactly at the removed key",
        treatment: Normalised,
    },
    Known {
        name: MUTE_STREAM,
        section: "keys-api 8.7",
        reason: "a 3.4 stream that starts in the past falls silent after its first event: only that one is compared",
        treatment: Normalised,
    },
    Known {
        name: "slow stream",
        section: "keys-api 8.7",
        reason: "3.4 drops a stream more than 100 events behind: every stream here is read to its end before that",
        treatment: LeftOut,
    },
    Known {
        name: BOUNDARY,
        section: "keys-api 8.3",
        reason: "in 3.4's history the removal of directory /dt also matches a watch on /dtx",
        treatment: Excused,
    },
    Known {
        name: BARE_400,
        section: "keys-api 1.2",
        reason: "the 400 that 3.4's HTTP library sends by itself has no Date; ours may have one",
        treatment: Excused,
    },
    Known {
        name: OVERSIZED,
        section: "design 22",
        reason: "ours refuses a form by its announced length, unread, and closes; 3.4 reads it all first",
        treatment: Excused,
    },
    Known {
        name: RESTART,
        section: "keys-api 6",
        reason: "3.4 writes an internal record at every start, which takes an index: ours is padded to the same",
        treatment: Normalised,
    },
    Known {
        name: "time-to-live beyond 100 years",
        section: "keys-api 7.5",
        reason: "3.4's arithmetic wraps around",
        treatment: LeftOut,
    },
    Known {
        name: "value size",
        section: "design 22",
        reason: "ours refuses values above 1.5 MiB; 3.4 takes them and cannot restart",
        treatment: LeftOut,
    },
    Known {
        name: "path length",
        section: "design 22",
        reason: "ours answers 414 above its limit; 3.4 has none",
        treatment: LeftOut,
    },
    Known {
        name: "long first line",
        section: "keys-api 4",
        reason: "3.4 resets a new connection whose first request line is longer than 4,096 bytes",
        treatment: LeftOut,
    },
    Known {
        name: "/_etcd",
        section: "keys-api 4.2, design 17",
        reason: "real nodes written by the server, absent in 3.4",
        treatment: LeftOut,
    },
    Known {
        name: "failure statistics",
        section: "keys-api 10.1",
        reason: "3.4 counts some failures as successes or twice: only unaffected counters are compared",
        treatment: LeftOut,
    },
    Known {
        name: "/v2/leader, /v2/peers",
        section: "keys-api 11",
        reason: "provided by ours, 404 in 3.4",
        treatment: LeftOut,
    },
    Known {
        name: "pages of other sites",
        section: "design 22",
        reason: "ours refuses what a browser marks so; 3.4 serves it",
        treatment: LeftOut,
    },
];

pub(crate) const FIRST_INDEX: &str = "first index";
pub(crate) const UNSORTED: &str = "unsorted listing";
pub(crate) const DOUBLE_DELIVERY: &str = "double delivery";
pub(crate) const MUTE_STREAM: &str = "mute stream";
pub(crate) const BOUNDARY: &str = "history boundary";
pub(crate) const OVERSIZED: &str = "oversized form";
pub(crate) const RESTART: &str = "index of a restart";
pub(crate) const BARE_400: &str = "bare 400";

/// How often each chosen difference was met.
#[derive(Clone, Debug, Default)]
pub(crate) struct Met(BTreeMap<&'static str, u64>);

impl Met {
    /// Counts one use.
    ///
    /// # Panics
    /// When the table has no such name: a difference must be listed before it can be let pass.
    pub(crate) fn count(&mut self, name: &'static str) {
        assert!(
            KNOWN
                .iter()
                .any(|known| known.name == name && known.treatment != LeftOut),
            "{name} is not in the table of chosen differences"
        );
        *self.0.entry(name).or_default() += 1;
    }

    /// One line for the end of a run.
    pub(crate) fn summary(&self) -> String {
        let met: Vec<String> = self
            .0
            .iter()
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        format!("chosen differences met: {}", met.join(", "))
    }
}

#[test]
fn every_entry_has_its_own_name_a_source_and_a_reason() {
    for (position, known) in KNOWN.iter().enumerate() {
        assert!(
            !known.section.is_empty() && !known.reason.is_empty(),
            "{}",
            known.name
        );
        assert!(
            KNOWN[..position]
                .iter()
                .all(|other| other.name != known.name),
            "{}",
            known.name
        );
    }
}
