//! Help and version texts: rendered from the catalogue, so that no option can be missing from them.

use super::catalogue::{self, Flag, HelpGroup, Standing};
use super::value::ValueKind;

/// Width of a line of help.
const WIDTH: usize = 100;
/// Column at which the explanations begin.
const TEXT_COLUMN: usize = 38;

const USAGE: &str = "\
Usage:
  etcd -name <name>
  etcd -name <name> [-data-dir=<path>]
  etcd -h | -help
  etcd -version
";

const INTRODUCTION: &str = "
-flag and --flag are the same, and so are -flag=<value> and -flag <value>; a boolean takes a value
only behind '='. Every option may also be an environment variable: -peer-addr becomes
ETCD_PEER_ADDR. Of several sources the later counts: /etc/etcd/etcd.conf, the -config file,
environment, flags. Without options the node serves http://localhost:2379 and
http://localhost:4001.
";

/// Headings in the order of the text, each with a line that teaches.
const HEADINGS: [(HelpGroup, &str, &str); 11] = [
    (HelpGroup::General, "Options", ""),
    (HelpGroup::Cluster, "Cluster Configuration Options", ""),
    (HelpGroup::Client, "Client Communication Options", ""),
    (HelpGroup::Peer, "Peer Communication Options", ""),
    (HelpGroup::Other, "Other Options", ""),
    (
        HelpGroup::Member,
        "Member Options, in the words of 2.x and 3.4",
        "A node has one vocabulary: -addr and \
        -advertise-client-urls, for instance, cannot be mixed.",
    ),
    (
        HelpGroup::Clustering,
        "Clustering Options, in the words of 2.x and 3.4",
        "",
    ),
    (HelpGroup::Logging, "Logging and Monitoring Options", ""),
    (
        HelpGroup::Own,
        "Options of this program",
        "No etcd had these.",
    ),
    (HelpGroup::Security, "Security Options", ""),
    (HelpGroup::Proxy, "Proxy Options", ""),
];

/// The whole help text.
pub(super) fn full_text() -> String {
    let mut text = format!("etcd\n\n{USAGE}{INTRODUCTION}");
    for (group, title, lesson) in HEADINGS {
        text.push_str(&format!("\n{title}:\n"));
        if !lesson.is_empty() {
            text.push_str(&format!("  {lesson}\n"));
        }
        catalogue::all()
            .filter(|flag| flag.group == group && is_shown(flag))
            .for_each(|flag| push(&mut text, flag));
    }
    text.push_str(&ignored());
    text
}

/// A short reminder for standard error.
pub(super) fn usage_after_error() -> String {
    format!("\n{USAGE}\n'etcd -h' lists every option.\n")
}

/// The answer to `-version`: a first line as 0.4's, then details.
pub(super) fn version_text() -> String {
    format!(
        "etcd version {}\nAPI: etcd v2, as of 3.4\nProgram: {}\nOS/Arch: {}/{}\n",
        env!("CARGO_PKG_VERSION"),
        env!("CARGO_PKG_NAME"),
        std::env::consts::OS,
        std::env::consts::ARCH
    )
}

fn is_shown(flag: &Flag) -> bool {
    !matches!(flag.standing, Standing::Ignored { .. })
}

fn push(text: &mut String, flag: &Flag) {
    let mut entry = format!("  -{}", flag.name);
    for alias in flag.aliases {
        entry.push_str(&format!(", -{alias}"));
    }
    let switch = flag.default_value().is_none() && flag.kind == ValueKind::Bool;
    if !switch {
        let value = flag
            .shown_as
            .map_or_else(|| flag.kind.placeholder(), str::to_owned);
        entry.push_str(&format!("={value}"));
    }
    let mut lines = wrap(explanation(flag).split_whitespace(), WIDTH - TEXT_COLUMN).into_iter();
    if entry.len() + 2 <= TEXT_COLUMN {
        entry = format!("{entry:TEXT_COLUMN$}{}", lines.next().unwrap_or_default());
    }
    text.push_str(entry.trim_end());
    text.push('\n');
    for line in lines {
        text.push_str(&format!("{:TEXT_COLUMN$}{line}\n", ""));
    }
}

fn explanation(flag: &Flag) -> String {
    let mut text = flag.help.to_owned();
    match (flag.default, flag.default_note) {
        (_, note) if !note.is_empty() => text.push_str(&format!(" (default: {note})")),
        (Some(default), _) => text.push_str(&format!(" (default: {default})")),
        _ => {}
    }
    match (flag.standing, flag.kind) {
        (
            Standing::Later { neutral, .. } | Standing::LaterFounding { neutral, .. },
            ValueKind::Choice(_),
        ) => {
            text.push_str(&format!(
                " This release knows only '{}'.",
                neutral.join("', '")
            ));
        }
        (Standing::Later { .. } | Standing::LaterFounding { .. }, _) => {
            text.push_str(" Not available in this release.");
        }
        (Standing::Active | Standing::Ignored { .. }, _) => {}
    }
    text
}

fn ignored() -> String {
    let names: Vec<String> = catalogue::all()
        .filter(|flag| !is_shown(flag))
        .map(|flag| format!("-{}", flag.name))
        .collect();
    let mut text =
        String::from("\nAccepted for old command lines, without effect (the log says why):\n");
    for line in wrap(names.iter().map(String::as_str), WIDTH - 2) {
        text.push_str(&format!("  {line}\n"));
    }
    let old: Vec<String> = catalogue::all()
        .flat_map(|flag| {
            flag.deprecated
                .iter()
                .map(move |name| format!("-{name} (-{})", flag.name))
        })
        .collect();
    text.push_str("\nOlder names, still understood:\n");
    for line in wrap(old.iter().map(String::as_str), WIDTH - 2) {
        text.push_str(&format!("  {line}\n"));
    }
    text
}

/// Joins words with blanks into lines of at most `width` bytes (a longer word stands alone).
fn wrap<'a>(words: impl IntoIterator<Item = &'a str>, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
