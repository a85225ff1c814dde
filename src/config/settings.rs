//! Values given so far, each with its origin: at most one per option, and nothing without a place to point at.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::catalogue::Flag;
use super::value::Value;

/// Where a value was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// On the command line, spelled like this (without dashes).
    Flag(String),
    /// In this environment variable.
    Environment(String),
    /// In this file, on this line (from 1).
    File(PathBuf, usize),
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(spelling) => write!(out, "flag -{spelling}"),
            Origin::Environment(name) => write!(out, "environment variable {name}"),
            Origin::File(path, line) => write!(out, "{} line {line}", path.display()),
        }
    }
}

/// A value and where it was given.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Setting {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// One source's settings, or several merged, with the notices collected on the way.
#[derive(Debug, Default)]
pub(super) struct Settings {
    // By name, so that notices and refusals come in the same order at every start.
    given: BTreeMap<&'static str, (&'static Flag, Setting)>,
    notices: Vec<String>,
}

impl Settings {
    /// Records a value; a later one for the same option replaces it.
    pub(super) fn set(&mut self, flag: &'static Flag, value: Value, origin: Origin) {
        self.given
            .insert(flag.name, (flag, Setting { value, origin }));
    }

    /// Adds a line for the log of the starting node.
    pub(super) fn notice(&mut self, text: String) {
        self.notices.push(text);
    }

    /// Lays `above` over these settings: its values win, its notices follow.
    pub(super) fn overlay(&mut self, above: Settings) {
        self.given.extend(above.given);
        self.notices.extend(above.notices);
    }

    /// Origins of the values that `above` hides, each with the origin hiding it.
    pub(super) fn shadowed_by(&self, above: &Settings) -> Vec<(Origin, Origin)> {
        self.given
            .iter()
            .filter_map(|(name, (_, below))| {
                Some((
                    below.origin.clone(),
                    above.given.get(name)?.1.origin.clone(),
                ))
            })
            .collect()
    }

    /// The value given for `flag`, if any source gave one.
    pub(super) fn given(&self, flag: &Flag) -> Option<&Setting> {
        self.given.get(flag.name).map(|(_, setting)| setting)
    }

    /// As [`given`](Self::given), but an empty text or list counts as not given.
    pub(super) fn filled(&self, flag: &Flag) -> Option<&Setting> {
        self.given(flag)
            .filter(|setting| !setting.value.to_string().is_empty())
    }

    /// Where an option was given; its flag stands in for one that has its default.
    pub(super) fn origin_of(&self, flag: &Flag) -> Origin {
        match self.given(flag) {
            Some(setting) => setting.origin.clone(),
            None => Origin::Flag(flag.name.to_owned()),
        }
    }

    /// Everything given, by option name.
    pub(super) fn given_all(&self) -> impl Iterator<Item = (&'static Flag, &Setting)> {
        self.given.values().map(|(flag, setting)| (*flag, setting))
    }

    /// The notices so far.
    pub(super) fn into_notices(self) -> Vec<String> {
        self.notices
    }

    /// The given value, else the catalogue's default.
    fn effective(&self, flag: &Flag) -> Option<Value> {
        match self.given(flag) {
            Some(setting) => Some(setting.value.clone()),
            None => flag.default_value(),
        }
    }

    /// Value of a text option; `None` when empty or without default.
    pub(super) fn text(&self, flag: &Flag) -> Option<String> {
        self.effective(flag)
            .map(|value| value.to_string())
            .filter(|text| !text.is_empty())
    }

    /// Value of a boolean option.
    pub(super) fn bool(&self, flag: &Flag) -> bool {
        matches!(self.effective(flag), Some(Value::Bool(true)))
    }

    /// Value of a list option; a text counts as a list of its items.
    pub(super) fn list(&self, flag: &Flag) -> Vec<String> {
        match self.effective(flag) {
            Some(Value::List(items)) => items,
            _ => Vec::new(),
        }
    }

    /// Value of a counting option; the catalogue gives each of them a default.
    pub(super) fn count(&self, flag: &Flag) -> u64 {
        match self.effective(flag) {
            Some(Value::Count(count)) => count,
            other => unreachable!("-{} is read as a count and holds {other:?}", flag.name),
        }
    }

    /// Value of a counting option that has no default.
    pub(super) fn count_if_given(&self, flag: &Flag) -> Option<u64> {
        match self.effective(flag)? {
            Value::Count(count) => Some(count),
            other => unreachable!("-{} is read as a count and holds {other:?}", flag.name),
        }
    }

    /// Value of an option that may be fractional or negative; the catalogue gives each of them a default.
    pub(super) fn number(&self, flag: &Flag) -> f64 {
        match self.effective(flag) {
            Some(Value::Number(number)) => number,
            // Exact up to 2^53; beyond, the nearest number serves as well for a limit nobody reaches.
            Some(Value::Integer(integer)) => integer as f64,
            other => unreachable!("-{} is read as a number and holds {other:?}", flag.name),
        }
    }
}
