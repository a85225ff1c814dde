//! Judges what a server tells after a crash by what its clients were told before; knows nothing of processes.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{Event, Tree, apply};
use super::operation::Operation;

/// The key the checker itself writes to.
pub(crate) const MARK: &str = "/mark";

/// What the clients of one round know.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Every acknowledged write, as its reply showed it.
    pub(crate) acknowledged: Vec<Event>,
    /// Writes whose answers the crash swallowed.
    pub(crate) unknown: Vec<Operation>,
    /// Events that a watch delivered.
    pub(crate) observed: Vec<Event>,
}

/// All rounds so far.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Every event of history, by index.
    pub(crate) events: BTreeMap<u64, Event>,
    /// What they add up to.
    pub(crate) tree: Tree,
    /// How many acknowledged writes were checked.
    pub(crate) acknowledged: usize,
    /// How many writes had no answer.
    pub(crate) unknown: usize,
    /// How many of those took place.
    pub(crate) unknown_applied: usize,
}

impl Ledger {
    /// Checks the history of one round and takes it over.
    ///
    /// `listed` are the keys the server shows at the index of the last event.
    ///
    /// # Errors
    /// The first contradiction.
    pub(crate) fn check(
        &mut self,
        told: Told,
        history: Vec<Event>,
        listed: &Tree,
    ) -> Result<(), String> {
        let by_index: BTreeMap<u64, &Event> =
            history.iter().map(|event| (event.index(), event)).collect();
        for event in &told.observed {
            if by_index.get(&event.index()) != Some(&event) {
                let found = by_index.get(&event.index());
                return Err(format!("observed: {event:?}, but history has {found:?}"));
            }
        }
        let acknowledged = self.check_acknowledged(&told.acknowledged, &by_index)?;
        self.check_authors(&history, &acknowledged, told.unknown)?;
        for event in &history {
            apply(&mut self.tree, event)?;
        }
        if *listed != self.tree {
            return Err(format!(
                "the keys are not what history adds up to: {}",
                difference(listed, &self.tree)
            ));
        }
        for event in history {
            let index = event.index();
            if let Some(former) = self.events.insert(index, event) {
                return Err(format!("index {index} was used before, by {former:?}"));
            }
        }
        Ok(())
    }

    /// Returns the indexes of the acknowledged writes.
    fn check_acknowledged(
        &mut self,
        acknowledged: &[Event],
        history: &BTreeMap<u64, &Event>,
    ) -> Result<BTreeSet<u64>, String> {
        let mut indexes = BTreeSet::new();
        for event in acknowledged {
            if history.get(&event.index()) != Some(&event) {
                let found = history.get(&event.index());
                return Err(format!(
                    "acknowledged: {event:?}, but history has {found:?}"
                ));
            }
            if !indexes.insert(event.index()) {
                return Err(format!(
                    "two writes were acknowledged with the index of {event:?}"
                ));
            }
        }
        self.acknowledged += indexes.len();
        Ok(indexes)
    }

    /// Every event is an acknowledged write, one whose answer was lost, an expiry, or the checker's mark.
    fn check_authors(
        &mut self,
        history: &[Event],
        acknowledged: &BTreeSet<u64>,
        mut unknown: Vec<Operation>,
    ) -> Result<(), String> {
        self.unknown += unknown.len();
        for event in history {
            if acknowledged.contains(&event.index()) || event.key() == MARK {
                continue;
            }
            if event.action() == "expire" {
                let lapsed = event.previous().and_then(|node| node.expiration());
                if lapsed.is_none() {
                    return Err(format!("a node without TTL expired: {event:?}"));
                }
                continue;
            }
            let Some(at) = unknown.iter().position(|write| write.explains(event)) else {
                return Err(format!("nobody wrote {event:?}"));
            };
            unknown.swap_remove(at);
            self.unknown_applied += 1;
        }
        Ok(())
    }
}

/// The first key in which two trees differ.
pub(crate) fn difference(left: &Tree, right: &Tree) -> String {
    let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    let first = keys
        .into_iter()
        .find(|key| left.get(*key) != right.get(*key));
    match first {
        Some(key) => format!("{key} is {:?}, not {:?}", left.get(key), right.get(key)),
        None => "no difference".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(key: &str, value: &str, index: u64) -> Event {
        let node = format!(
            r#"{{"key":"{key}","value":"{value}","modifiedIndex":{index},"createdIndex":{index}}}"#
        );
        Event::parse(format!(r#"{{"action":"set","node":{node}}}"#).as_bytes())
    }

    fn told(acknowledged: &[&Event]) -> Told {
        Told {
            acknowledged: acknowledged.iter().map(|event| (*event).clone()).collect(),
            ..Told::default()
        }
    }

    fn tree(events: &[&Event]) -> Tree {
        let mut tree = Tree::new();
        for event in events {
            apply(&mut tree, event).expect("the events agree");
        }
        tree
    }

    fn judge(told: Told, history: &[&Event], listed: &Tree) -> Result<(), String> {
        let history = history.iter().map(|event| (*event).clone()).collect();
        Ledger::default().check(told, history, listed)
    }

    #[test]
    fn a_true_story_passes_and_each_lie_is_found() {
        let (a, b, c) = (set("/a", "1", 3), set("/b", "2", 4), set("/c", "3", 5));
        let both = tree(&[&a, &b]);
        assert_eq!(judge(told(&[&a, &b]), &[&a, &b], &both), Ok(()));
        let lies = [
            (judge(told(&[&a, &b]), &[&a], &tree(&[&a])), "acknowledged:"),
            (judge(told(&[&a]), &[&a, &b], &both), "nobody wrote"),
            (
                judge(told(&[&a, &b]), &[&a, &b], &tree(&[&a])),
                "the keys are not",
            ),
            (judge(told(&[&a, &a]), &[&a], &tree(&[&a])), "two writes"),
            (
                judge(told(&[&b]), &[&set("/b", "other", 4)], &tree(&[&b])),
                "acknowledged:",
            ),
            (
                judge(
                    Told {
                        observed: vec![c.clone()],
                        ..told(&[&a])
                    },
                    &[&a],
                    &tree(&[&a]),
                ),
                "observed:",
            ),
        ];
        for (verdict, wanted) in lies {
            let found = verdict.expect_err(wanted);
            assert!(found.starts_with(wanted), "{found}");
        }
    }

    #[test]
    fn an_unanswered_write_may_take_place_once_and_in_its_round_only() {
        let (event, again) = (set("/a", "1", 3), set("/a", "1", 4));
        let unanswered = || Told {
            unknown: vec![Operation::Set {
                key: "/a".to_owned(),
                value: "1".to_owned(),
                ttl: None,
            }],
            ..Told::default()
        };
        assert_eq!(judge(unanswered(), &[], &Tree::new()), Ok(()));
        assert_eq!(judge(unanswered(), &[&event], &tree(&[&event])), Ok(()));
        let twice = judge(unanswered(), &[&event, &again], &tree(&[&event]));
        assert!(twice.is_err_and(|found| found.starts_with("nobody wrote")));
        let mut ledger = Ledger::default();
        assert_eq!(ledger.check(unanswered(), Vec::new(), &Tree::new()), Ok(()));
        let late = ledger.check(Told::default(), vec![event.clone()], &tree(&[&event]));
        assert!(late.is_err_and(|found| found.starts_with("nobody wrote")));
    }

    #[test]
    fn an_index_used_in_an_earlier_round_is_found() {
        let (event, other) = (set("/a", "1", 3), set("/b", "2", 3));
        let mut ledger = Ledger::default();
        let first = ledger.check(told(&[&event]), vec![event.clone()], &tree(&[&event]));
        assert_eq!(first, Ok(()));
        let listed = tree(&[&event, &other]);
        let second = ledger.check(told(&[&other]), vec![other.clone()], &listed);
        assert!(second.is_err_and(|found| found.contains("used before")));
    }
}
