//! Whether a history of one key could have come from a single register: some order of all calls explains every answer, and
//! no call stands before one that had ended when it began.
//!
//! The search is Wing and Gong's, which tries each call that may be next, with Lowe's memory of what was tried: the same calls
//! in another order with the same value lead to the same end. A call without an answer may have taken effect at any moment
//! after it began, or never.
//!
//! Every answer tells the value that the call found (`prevNode`, the cause of a failed comparison). So an unanswered call
//! matters only where the next one finds what it left: anywhere else it may as well have done nothing. And of unanswered
//! deletions, the earliest is as good as any. Without these two rules each of them would double the search.

use std::collections::{HashMap, HashSet};
use std::fmt;

/// What was asked of the register. Values are unique in a history, which the caller sees to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Read,
    Set(String),
    /// Sets the second value where the first one stands.
    Swap(String, String),
    Delete,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// When.
    pub(crate) at: u64,
    /// The value that the call found; for a read, the one it returned.
    pub(crate) found: Option<String>,
}

/// One call with its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) action: Action,
    pub(crate) began: u64,
    /// `None`: nobody knows what became of it.
    pub(crate) reply: Option<Reply>,
}

/// A history that no register has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contradiction {
    /// As many calls as could be explained at most.
    explained: usize,
    calls: usize,
    /// The value then.
    value: Option<String>,
    /// One of these had to be next.
    next: Vec<Call>,
}

impl fmt::Display for Contradiction {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Contradiction {
            explained, calls, ..
        } = self;
        writeln!(
            out,
            "{explained} of {calls} calls are explained, the value is then {:?}, and none of these can follow:",
            self.value
        )?;
        for call in &self.next {
            writeln!(out, "  {call:?}")?;
        }
        Ok(())
    }
}

/// Looks for an order that explains all answers. The key is absent at first.
///
/// # Errors
/// There is none.
pub(crate) fn check(calls: &[Call]) -> Result<(), Contradiction> {
    let mut history = History::new(calls);
    let mut path: Vec<Step> = Vec::new();
    let mut tried = HashSet::new();
    let mut candidates = history.candidates();
    let mut best = history.stuck(path.len());
    loop {
        if history.answered_left == 0 {
            return Ok(());
        }
        let Some(position) = candidates.pop() else {
            let Some(step) = path.pop() else {
                return Err(best);
            };
            history.undo(step.position, step.before);
            candidates = step.others;
            continue;
        };
        let Some(after) = history.after(position) else {
            continue;
        };
        let before = history.take(position, after);
        if !tried.insert((history.taken.clone(), history.standing)) {
            history.undo(position, before);
            continue;
        }
        path.push(Step {
            position,
            before,
            others: std::mem::replace(&mut candidates, history.candidates()),
        });
        if path.len() > best.explained {
            best = history.stuck(path.len());
        }
    }
}

/// One call of the order that is tried, and what else could have stood in its place.
struct Step {
    position: usize,
    before: Standing,
    others: Vec<usize>,
}

/// The calls in the order of their beginnings, and which of them are in the order so far. Values are numbers.
struct History {
    calls: Vec<Call>,
    values: Vec<String>,
    asked: Vec<Asked>,
    taken: Vec<u64>,
    standing: Standing,
    answered_left: usize,
}

/// The register after the order so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Standing {
    value: Option<usize>,
    /// The last call had no answer: the next one has to find what it left.
    unfound: bool,
}

/// A call in numbers.
#[derive(Clone, Copy)]
struct Asked {
    kind: Kind,
    /// Found, where it is known.
    found: Option<Option<usize>>,
    began: u64,
    /// The end of time where there was none.
    ended: u64,
}

#[derive(Clone, Copy)]
enum Kind {
    Read,
    Set(usize),
    Swap(usize, usize),
    Delete,
}

impl History {
    fn new(calls: &[Call]) -> History {
        let found: HashSet<&Option<String>> = calls
            .iter()
            .filter_map(|call| Some(&call.reply.as_ref()?.found))
            .collect();
        let seen = |value: &String| found.contains(&Some(value.clone()));
        // A swap whose answer is unknown can want what nobody found.
        let wanted: HashSet<&String> = calls
            .iter()
            .filter_map(|call| match &call.action {
                Action::Swap(wanted, _) if call.reply.is_none() => Some(wanted),
                _ => None,
            })
            .collect();
        let matters = |call: &&Call| match (&call.reply, &call.action) {
            (Some(_), _) | (None, Action::Delete) => true,
            (None, Action::Read) => false,
            (None, Action::Set(value) | Action::Swap(_, value)) => {
                seen(value) || wanted.contains(value)
            }
        };
        let mut calls: Vec<Call> = calls.iter().filter(matters).cloned().collect();
        calls.sort_by_key(|call| call.began);
        let (mut values, mut numbers) = (Vec::new(), HashMap::new());
        let mut number = |value: &String| {
            *numbers.entry(value.clone()).or_insert_with(|| {
                values.push(value.clone());
                values.len() - 1
            })
        };
        let asked: Vec<Asked> = calls
            .iter()
            .map(|call| Asked {
                kind: match &call.action {
                    Action::Read => Kind::Read,
                    Action::Set(value) => Kind::Set(number(value)),
                    Action::Swap(wanted, value) => Kind::Swap(number(wanted), number(value)),
                    Action::Delete => Kind::Delete,
                },
                found: call
                    .reply
                    .as_ref()
                    .map(|reply| reply.found.as_ref().map(&mut number)),
                began: call.began,
                ended: call.reply.as_ref().map_or(u64::MAX, |reply| reply.at),
            })
            .collect();
        History {
            taken: vec![0; calls.len().div_ceil(64)],
            answered_left: asked.iter().filter(|call| call.found.is_some()).count(),
            standing: Standing::default(),
            calls,
            values,
            asked,
        }
    }

    fn is_taken(&self, position: usize) -> bool {
        self.taken[position / 64] >> (position % 64) & 1 == 1
    }

    /// The calls that may be next: those that began before any other one that is left had ended. The most promising is last.
    fn candidates(&self) -> Vec<usize> {
        let left = (0..self.asked.len()).filter(|position| !self.is_taken(*position));
        let (mut earliest_end, mut deletes) = (u64::MAX, false);
        let mut found = Vec::new();
        for position in left {
            let call = &self.asked[position];
            if call.began > earliest_end {
                break;
            }
            earliest_end = earliest_end.min(call.ended);
            let deletes_unanswered = call.found.is_none() && matches!(call.kind, Kind::Delete);
            if deletes_unanswered && std::mem::replace(&mut deletes, true) {
                continue;
            }
            found.push(position);
        }
        // Calls without an answer are tried last.
        found.sort_by_key(|position| std::cmp::Reverse(self.asked[*position].ended));
        found
    }

    /// The register after this call; `None` where the call cannot be next.
    fn after(&self, position: usize) -> Option<Standing> {
        let call = &self.asked[position];
        let Standing { value, unfound } = self.standing;
        if call.found.is_some_and(|found| found != value) {
            return None;
        }
        let after = match call.kind {
            Kind::Read => value,
            Kind::Set(new) => Some(new),
            Kind::Swap(wanted, new) if value == Some(wanted) => Some(new),
            Kind::Swap(..) => value,
            Kind::Delete => None,
        };
        let finds = call.found.is_some() || matches!(call.kind, Kind::Swap(..));
        let does_nothing = call.found.is_none() && after == value;
        let possible = !does_nothing && (finds || !unfound);
        possible.then_some(Standing {
            value: after,
            unfound: call.found.is_none(),
        })
    }

    /// Puts a call next in the order; returns what was before it.
    fn take(&mut self, position: usize, after: Standing) -> Standing {
        self.taken[position / 64] |= 1 << (position % 64);
        self.answered_left -= usize::from(self.asked[position].found.is_some());
        std::mem::replace(&mut self.standing, after)
    }

    fn undo(&mut self, position: usize, before: Standing) {
        self.taken[position / 64] &= !(1 << (position % 64));
        self.answered_left += usize::from(self.asked[position].found.is_some());
        self.standing = before;
    }

    fn stuck(&self, explained: usize) -> Contradiction {
        let next = self.candidates().into_iter().rev();
        Contradiction {
            explained,
            calls: self.calls.len(),
            value: self.standing.value.map(|value| self.values[value].clone()),
            next: next.map(|position| self.calls[position].clone()).collect(),
        }
    }
}
