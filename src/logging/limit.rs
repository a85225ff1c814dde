//! Lines that repeat: each kind of warning is written so many times in a while, the rest is counted and told.
//!
//! A kind is a place in the source and the words it says there, numbers left out: what differs between two lines of a kind
//! is mostly a key, a port or a duration. Other fields do not count, and lines below a warning are not limited, since
//! nobody gets those in a flood who did not ask for them.

use std::collections::HashMap;
use std::fmt::{self, Debug};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// The time in which lines of a kind are counted together.
const WHILE: Duration = Duration::from_secs(10);
/// Warnings of a kind that are written in it.
const WARNINGS: u32 = 20;
/// Errors of a kind: each tells of harm, and they come by the hundred where a directory is damaged.
const ERRORS: u32 = 1_000;
/// Kinds that are told apart; beyond them the counts begin anew.
const KINDS: usize = 10_000;

/// What is counted.
#[derive(Default)]
pub(super) struct Limit {
    kinds: Mutex<HashMap<u64, LineKind>>,
}

struct LineKind {
    since: Instant,
    /// Written since then.
    written: u32,
    /// Left out since then.
    left_out: u64,
    /// What was said, and where.
    words: String,
    target: &'static str,
}

/// So many lines like this one were left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub(super) count: u64,
    pub(super) words: String,
    pub(super) target: &'static str,
}

impl Limit {
    /// Whether a line is to be written.
    fn allows(&self, metadata: &'static Metadata<'static>, words: String, now: Instant) -> bool {
        let most = match *metadata.level() {
            Level::ERROR => ERRORS,
            Level::WARN => WARNINGS,
            _ => return true,
        };
        let mut kinds = self.lock();
        if kinds.len() >= KINDS {
            kinds.retain(|_, kind| kind.left_out > 0);
        }
        let kind = kinds
            .entry(key(metadata, &words))
            .or_insert_with(|| LineKind {
                since: now,
                written: 0,
                left_out: 0,
                words,
                target: metadata.target(),
            });
        // One that left something out goes on until that was told.
        if kind.left_out == 0 && now.duration_since(kind.since) >= WHILE {
            (kind.since, kind.written) = (now, 0);
        }
        let allowed = kind.written < most;
        match allowed {
            true => kind.written += 1,
            false => kind.left_out += 1,
        }
        allowed
    }

    /// What was left out of kinds whose while is over at `now`; each is told once.
    pub(super) fn due(&self, now: Instant) -> Vec<LeftOut> {
        let over = |kind: &LineKind| kind.left_out > 0 && now.duration_since(kind.since) >= WHILE;
        self.take(over)
    }

    /// All that was left out and not told.
    pub(super) fn rest(&self) -> Vec<LeftOut> {
        self.take(|kind| kind.left_out > 0)
    }

    fn take(&self, over: impl Fn(&LineKind) -> bool) -> Vec<LeftOut> {
        let mut kinds = self.lock();
        let told = kinds.extract_if(|_, kind| over(kind));
        told.map(|(_, kind)| LeftOut {
            count: kind.left_out,
            words: kind.words,
            target: kind.target,
        })
        .collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, LineKind>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(metadata: &'static Metadata<'static>, words: &str) -> u64 {
    let mut hash = DefaultHasher::new();
    metadata.callsite().hash(&mut hash);
    for byte in words.bytes().filter(|byte| !byte.is_ascii_digit()) {
        hash.write_u8(byte);
    }
    hash.finish()
}

/// Asked about each event before any output sees it.
pub(super) struct LimitLayer(pub(super) &'static Limit);

impl<S: Subscriber> Layer<S> for LimitLayer {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        if *event.metadata().level() > Level::WARN {
            return true;
        }
        let mut words = Words(String::new());
        event.record(&mut words);
        self.0.allows(event.metadata(), words.0, Instant::now())
    }
}

/// The message of an event.
struct Words(String);

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            // Writing to a text cannot fail.
            let _ = fmt::write(&mut self.0, format_args!("{value:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> &'static Metadata<'static> {
        static CALLSITE: tracing::callsite::DefaultCallsite = {
            static META: Metadata<'static> = tracing::metadata! {
                name: "here",
                target: "here",
                level: Level::WARN,
                fields: &[],
                callsite: &CALLSITE,
                kind: tracing::metadata::Kind::EVENT,
            };
            tracing::callsite::DefaultCallsite::new(&META)
        };
        tracing::Callsite::metadata(&CALLSITE)
    }

    #[test]
    fn a_kind_that_repeats_is_left_out_and_told_and_others_are_not() {
        let limit = Limit::default();
        let begun = Instant::now();
        let line = |number: u32| format!("slow request {number}");
        let written = (0..400)
            .filter(|number| limit.allows(here(), line(*number), begun))
            .count();
        assert_eq!(written, WARNINGS as usize);
        assert!(limit.allows(here(), "another matter".to_owned(), begun));
        assert_eq!(limit.due(begun), []);
        let told = LeftOut {
            count: 400 - u64::from(WARNINGS),
            words: line(0),
            target: "here",
        };
        assert_eq!(limit.due(begun + WHILE), [told]);
        assert_eq!(limit.rest(), []);
        assert!(
            limit.allows(here(), line(7), begun + WHILE),
            "the next while"
        );
    }

    #[test]
    fn what_comes_now_and_then_is_never_left_out() {
        let limit = Limit::default();
        let begun = Instant::now();
        for number in 0..100 {
            let now = begun + number * WHILE;
            assert!(limit.allows(here(), "not healthy".to_owned(), now));
        }
        assert_eq!(limit.rest(), []);
    }
}
