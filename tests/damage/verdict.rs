//! What a damage may lead to, and what it did lead to.

use std::time::Duration;

use super::format::{groups, is_live_in_segment, is_superseded};
use super::image::{is, name};
use super::injection::{Action, From, Injection, is_released};
use super::life::{Kind, WITNESS_AGE};
use super::made::Made;
use super::model::Model;

/// What became of one damaged directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Not started, with the place and a next command; nothing was changed.
    Refused,
    /// Everything acknowledged is served, and what was done about the damage is told.
    Right,
    /// The last group, which nothing proves to be synced, was cut off and told.
    TornTail,
    /// What is hurt is refused with its file, the rest is right.
    Damaged,
    /// Everything is right and nothing needed to be told, for this reason.
    Harmless(&'static str),
    /// No server could know, for this reason; what is served was once the state.
    Undecidable(&'static str),
    /// Against the rules.
    Bad(Fault),
}

/// The ways of being against the rules, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// Something is served that never was.
    Invented,
    /// Something acknowledged is missing, and no start was refused.
    Lost,
    /// A live table is gone although the store was not sound.
    Deleted,
    /// No answer, or no end, within ten seconds.
    Hung,
    /// The process ended while it served, or the next start failed for what this one did.
    Died,
    /// Nothing tells of the damage.
    Silent,
    /// It was served, but something was neither right nor refused with the file.
    Served,
    /// It was refused, but with another status, without the place or a command, or not untouched.
    Refusal,
}

/// The faults, for the table.
pub(crate) const FAULTS: [(Fault, &str); 8] = [
    (Fault::Invented, "invented"),
    (Fault::Lost, "lost"),
    (Fault::Deleted, "deleted"),
    (Fault::Hung, "hung"),
    (Fault::Died, "died"),
    (Fault::Silent, "silent"),
    (Fault::Served, "served badly"),
    (Fault::Refusal, "refused badly"),
];

/// The outcome of one injection and everything that was against the rules.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    /// In one word.
    pub(crate) outcome: Outcome,
    /// Each fault in a sentence, the worst first.
    pub(crate) faults: Vec<(Fault, String)>,
    /// The last lines that were printed.
    pub(crate) log: String,
    /// Whether a start with an option that the refusal named was tried too.
    pub(crate) accepted: bool,
}

/// What may be served.
pub(crate) struct Expected<'a> {
    /// The history that is true.
    pub(crate) model: &'a Model,
    /// Up to which index everything must be there.
    pub(crate) acked: u64,
    /// Less may be there, down to this index, for this reason.
    pub(crate) less: Option<(u64, Less)>,
}

/// Why less may be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Less {
    /// The tail was never proved to be synced, and its loss is told.
    Torn,
    /// A directory in this state is an honest one.
    Unknowable(&'static str),
}

/// What this damage allows.
pub(crate) fn expected<'a>(injection: &Injection, made: &'a Made) -> Expected<'a> {
    let whole = |model: &'a Model| Expected {
        model,
        acked: model.acked(),
        less: None,
    };
    match &injection.action {
        Action::Copied(number) => Expected {
            model: &made.model,
            acked: made.copies[*number].acked,
            less: None,
        },
        Action::Parts([""], From::Older) => {
            let model = &made.older.1;
            let why = Less::Unknowable("an old copy, whole, is an honest directory");
            Expected {
                model,
                acked: u64::MAX,
                less: Some((model.acked(), why)),
            }
        }
        _ => Expected {
            less: less(injection, made),
            ..whole(&made.model)
        },
    }
}

fn less(injection: &Injection, made: &Made) -> Option<(u64, Less)> {
    if made.kind == Kind::Clean || !is(&injection.file, "wal") {
        return None;
    }
    let groups = groups(&made.image);
    let proof = groups.iter().max_by_key(|group| group.durable)?.durable;
    let sequence = groups.iter().find(|g| g.file == injection.file)?.sequence;
    let unproven = |at: usize| (sequence, at as u64) >= (proof.0, proof.1);
    match injection.action {
        Action::Bit(at, _) if unproven(at) => Some((made.model.acked_within(proof.2), Less::Torn)),
        Action::Prefix(_) => {
            let settled = made
                .model
                .acks
                .iter()
                .filter(|ack| is_settled(ack.at, made));
            let settled = settled.map(|ack| ack.index).max().unwrap_or(0);
            let why = "younger than the witness";
            Some((settled, Less::Unknowable(why)))
        }
        _ => None,
    }
}

fn is_settled(at: std::time::Instant, made: &Made) -> bool {
    let age: Duration = made.stopped.saturating_duration_since(at);
    age >= WITNESS_AGE
}

/// Why nothing needs to be told when everything is right; `None` when it must be.
pub(crate) fn harmless(injection: &Injection, made: &Made) -> Option<&'static str> {
    no_data(injection.class).or_else(|| by_damage(injection, made))
}

/// Whether damage to such a file cannot be damage to data.
pub(crate) fn holds_no_data(class: &str) -> bool {
    no_data(class).is_some()
}

fn no_data(class: &str) -> Option<&'static str> {
    match class {
        "engine info log" => Some("the engine's information log, for people"),
        "engine OPTIONS" => Some("the engine writes it and does not need it"),
        "engine IDENTITY" => Some("the engine's own id, which nothing compares"),
        "engine log, unused" => Some("empty: the store has no log of its own"),
        "lock file" => Some("the lock is the kernel's, not the content"),
        "log spare" => Some("what a spare holds means nothing"),
        "kept aside" => Some("kept for people"),
        "reserve" => Some("what it holds means nothing"),
        _ => None,
    }
}

fn by_damage(injection: &Injection, made: &Made) -> Option<&'static str> {
    let content = made.image.0.get(&injection.file);
    match (&injection.action, injection.class) {
        (Action::Bit(at, _), "log segment") if is_superseded(&made.image, &injection.file, *at) => {
            Some("written again by open, into the next segment")
        }
        (Action::Bit(at, _), "log segment") => content
            .filter(|content| !is_live_in_segment(&content.bytes, *at))
            .map(|_| "padding behind a group"),
        (Action::Zeros, "log segment" | "MANIFEST") => Some("zeros behind the last record"),
        (Action::Prefix(_), _) => Some("nothing acknowledged was behind it"),
        (_, "table") if made.unnamed.contains(&injection.file) => Some("nothing names this table"),
        (Action::Bit(..), "table") => Some("no read met the block; contents are for `verify`"),
        (Action::Older, "identity or witness") => {
            Some("a witness behind the log is what a kill leaves")
        }
        (Action::Twin, "identity or witness") => {
            Some("what the twin witnessed before the two parted is true of both")
        }
        (Action::Parts(["store"], From::Older), _) => {
            Some("a store behind its log is what a kill leaves; the log has the rest")
        }
        (Action::Parts(["store"], From::Twin), _) if made.kind == Kind::Killed => {
            Some("the twin's store was flushed before the two parted; the log has the rest")
        }
        (Action::Copied(_), _) => Some("the copy is consistent"),
        _ if is_released(injection, made) => {
            Some("as after a release: the store holds its entries")
        }
        _ => None,
    }
}

/// A sentence for people about the place.
pub(crate) fn place(injection: &Injection) -> String {
    match &injection.action {
        Action::Parts(..) | Action::Copied(_) => injection.file.display().to_string(),
        _ => name(&injection.file),
    }
}
