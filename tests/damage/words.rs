//! What a server says: which lines tell of trouble, which commands it names, and whether those exist.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Options that every start of ours has, and that say where and not what.
const PLACES: [&str; 4] = [
    "data-dir",
    "name",
    "listen-client-urls",
    "advertise-client-urls",
];

/// The options that the server's own help lists, without dashes.
///
/// # Panics
/// When the program does not print its help.
pub(crate) fn options() -> BTreeSet<String> {
    let help = Command::new(env!("CARGO_BIN_EXE_etcd"))
        .arg("--help")
        .output()
        .expect("the server prints its help");
    let text = String::from_utf8_lossy(&help.stdout).into_owned();
    let options: BTreeSet<String> = named_options(&text).map(|(name, _)| name).collect();
    assert!(options.contains("data-dir"), "no help: {text}");
    options
}

/// `--name` and `-name` in a text, each with all that follows it up to the next space.
fn named_options(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    text.split_whitespace().filter_map(|word| {
        let word = word.trim_start_matches(['\'', '"', '`', '(', '[', '<']);
        let bare = word.trim_start_matches('-');
        let dashes = word.len() - bare.len();
        let end = bare.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        let name = &bare[..end.unwrap_or(bare.len())];
        let is_option = (1..=2).contains(&dashes)
            && name.len() > 1
            && name.starts_with(|c: char| c.is_ascii_alphabetic());
        let whole = word.trim_end_matches(['\'', '"', '`', ')', ']', '>', '.', ',', ';', ':']);
        is_option.then(|| (name.to_owned(), whole.to_owned()))
    })
}

/// The lines of trouble: warnings, errors, and what has no level.
pub(crate) fn trouble(log: &str) -> String {
    let lines = log.lines().filter(|line| {
        !["INFO", "DEBUG", "TRACE"]
            .iter()
            .any(|level| line.contains(&format!(" {level} ")))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Which next commands a refusal names.
pub(crate) struct Commands {
    /// Options that exist and ask for something, as they were written.
    pub(crate) offered: Vec<String>,
    /// Options and programs that do not exist.
    pub(crate) unknown: Vec<String>,
    /// Whether anything named exists.
    pub(crate) any: bool,
}

/// Looks for options, and for programs behind a backtick.
pub(crate) fn commands(text: &str, options: &BTreeSet<String>) -> Commands {
    let mut found = Commands {
        offered: Vec::new(),
        unknown: Vec::new(),
        any: false,
    };
    // What stands between quotes is shown, not recommended: the bytes of a damaged file may hold a backtick.
    let unquoted: String = text.split('"').step_by(2).collect();
    let words = unquoted.split_whitespace();
    let words = words.filter_map(|word| word.strip_prefix('`'));
    let programs = words.map(|word| word.trim_end_matches(['`', '.', ',', ';', ':']));
    let programs = programs.filter(|program| !program.starts_with('-'));
    for program in programs {
        let exists = is_program(program);
        found.any |= exists;
        if !exists {
            found.unknown.push(program.to_owned());
        }
    }
    for (name, written) in named_options(&without_client(text)) {
        if !options.contains(&name) {
            found.unknown.push(written);
            continue;
        }
        found.any = true;
        if !PLACES.contains(&name.as_str()) && !found.offered.contains(&written) {
            found.offered.push(written);
        }
    }
    found
}

/// The text without commands for the client, as in 'etcdctl import --snap FILE': their options are not the server's.
fn without_client(text: &str) -> String {
    let mut pieces = text.split("'etcdctl ");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |mut rest, piece| {
        rest.push_str(piece.split_once('\'').map_or("", |(_, after)| after));
        rest
    })
}

fn is_program(name: &str) -> bool {
    let ours = Path::new(env!("CARGO_BIN_EXE_etcd")).with_file_name(name);
    let path = std::env::var_os("PATH").unwrap_or_default();
    ours.is_file() || std::env::split_paths(&path).any(|directory| directory.join(name).is_file())
}
