//! The one table of options: every name of both vocabularies stands here once, and nowhere else in the program.
//!
//! The command line, environment, files, help text and refusals are all driven from it. Rows are sorted by theme into
//! the files below; a row that other code reads is a `static` of its own, the others are anonymous.

mod classic;
mod flag;
mod modern;
mod own;
mod security;
mod without;

pub(crate) use classic::*;
pub(crate) use flag::{Era, Flag, HelpGroup, Spelling, Standing};
pub(crate) use modern::*;
pub(crate) use own::*;

/// Every option, in the order of the help text within each group.
pub(crate) fn all() -> impl Iterator<Item = &'static Flag> {
    let named = [classic::ROWS, modern::ROWS, own::ROWS]
        .into_iter()
        .flatten()
        .copied();
    named.chain(security::ROWS).chain(without::ROWS)
}

/// The option of a command-line name.
pub(crate) fn by_flag(name: &str) -> Option<(&'static Flag, Spelling)> {
    all().find_map(|flag| {
        if flag.name == name || flag.aliases.contains(&name) {
            Some((flag, Spelling::Current))
        } else if flag.deprecated.contains(&name) {
            Some((flag, Spelling::Deprecated))
        } else {
            None
        }
    })
}

/// The option of an environment variable, and the rank of that name among the option's names (0 = preferred).
pub(crate) fn by_environment(name: &str) -> Option<(&'static Flag, usize)> {
    all().find_map(|flag| {
        let rank = flag
            .environment_names()
            .iter()
            .position(|known| known == name)?;
        Some((flag, rank))
    })
}

/// The option of a TOML key; `-` and `_` are the same there.
pub(crate) fn by_toml(section: &str, key: &str) -> Option<&'static Flag> {
    let key = key.replace('-', "_");
    all()
        .filter(|flag| flag.in_files)
        .find(|flag| flag.toml_place() == (section, key.clone()))
}

/// The option of a YAML key: flag names at the top level, TLS in two maps.
pub(crate) fn by_yaml(section: &str, key: &str) -> Option<&'static Flag> {
    all().filter(|flag| flag.in_files).find(|flag| {
        flag.yaml == Some((section, key))
            || (section.is_empty() && (flag.name == key || flag.aliases.contains(&key)))
    })
}

/// Whether a YAML key names a map of options.
pub(crate) fn is_yaml_map(key: &str) -> bool {
    all().any(|flag| flag.yaml.is_some_and(|(map, _)| map == key))
}

/// The known name closest to a mistyped one, if one is close.
pub(crate) fn nearest(name: &str) -> Option<&'static str> {
    let budget = 1 + name.len() / 8;
    all()
        .flat_map(Flag::names)
        .filter(|known| known.len() > 3)
        .map(|known| (strsim::levenshtein(name, known), known))
        .filter(|(distance, _)| *distance <= budget)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests;
