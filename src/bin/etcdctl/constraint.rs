//! What a command line must hold beyond the rules of clap: as many arguments as the command takes, and options that fit
//! together.
//!
//! The texts and the order of the checks are the original's (etcdctl reference 8 to 11): scripts search for them.

use std::ffi::OsStr;

use etcd2::client::Key;

use crate::definition::Arity;
use crate::grammar::SortedLine;

/// A command whose arguments are wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// The line that says so.
    pub(crate) text: String,
    /// Whether the line belongs on stdout, where import has always put it.
    pub(crate) on_stdout: bool,
}

/// Drops the arguments that the command does not look at.
pub(crate) fn forget_surplus(line: &mut SortedLine) {
    if let Some(Arity {
        ignores_more: true,
        most: Some(most),
        ..
    }) = arity(line)
    {
        line.arguments.truncate(most);
    }
}

/// Checks arguments, and the options that cannot be missing.
///
/// # Errors
/// With what the original says about it.
pub(crate) fn check(line: &SortedLine) -> Result<(), Wrong> {
    let wrong = |text: String| {
        Err(Wrong {
            text,
            on_stdout: false,
        })
    };
    match line.names().as_slice() {
        ["user", "grant" | "revoke"] if !line.texts("roles").any(names_a_role) => {
            return wrong("No roles specified; please use `--roles`".to_owned());
        }
        ["role", "grant" | "revoke"] => {
            if let Some(text) = permission(line) {
                return wrong(text);
            }
        }
        ["ls" | "get"] if line.is_on("local") && line.is_on("quorum") => {
            return wrong(
                "Choose --local or --quorum: the answer of one server, or the newest".to_owned(),
            );
        }
        // An empty variable of a script would otherwise fill the current directory with pages.
        ["man"]
            if line
                .arguments
                .first()
                .is_some_and(|directory| directory.is_empty()) =>
        {
            return wrong("Name one directory, or none to print the first page".to_owned());
        }
        ["import"] if !line.texts("snap").any(|file| !file.is_empty()) => {
            let text = "no snapshot file provided (use --snap)".to_owned();
            return Err(Wrong {
                text,
                on_stdout: true,
            });
        }
        _ => {}
    }
    let given = line.arguments.len();
    match arity(line) {
        Some(arity) if given < arity.least || arity.most.is_some_and(|most| given > most) => {
            wrong(arity.text.to_owned())
        }
        _ => Ok(()),
    }
}

fn arity(line: &SortedLine) -> Option<Arity> {
    let command = line.path.last()?;
    Some(Arity::of(&line.names(), command))
}

fn names_a_role(text: &OsStr) -> bool {
    text.as_encoded_bytes().iter().any(|byte| *byte != b',')
}

/// What is wrong with the options of `role grant` and `role revoke`.
fn permission(line: &SortedLine) -> Option<String> {
    let path = line
        .texts("path")
        .last()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    if path.is_empty() {
        return Some("No path specified; please use `--path`".to_owned());
    }
    // As the server compares it: from the root, without empty, `.` and `..` parts.
    let canonical = Key::new(path.as_bytes());
    if canonical.as_bytes() != path.as_bytes() {
        let canonical = String::from_utf8_lossy(canonical.as_bytes());
        return Some(format!(
            "Not canonical path; please use `--path={canonical}`"
        ));
    }
    let kinds = ["read", "write", "readwrite"]
        .iter()
        .filter(|kind| line.is_on(kind))
        .count();
    (kinds != 1).then(|| "Please specify exactly one of --read, --write or --readwrite".to_owned())
}
