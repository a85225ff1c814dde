//! How many arguments each command takes, and what it says when they are too few, too many or not what they should be.
//!
//! The texts and the order of the checks are the original's (etcdctl reference 8 to 11): scripts search for them.

use std::ffi::OsStr;

use crate::grammar::SortedLine;

/// How many arguments a command takes.
#[derive(Debug)]
struct Rule {
    command: &'static str,
    least: usize,
    most: Most,
    /// What is said when they are not as many.
    text: &'static str,
}

/// Where too many arguments begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Most {
    /// More are refused.
    Refused(usize),
    /// More are not looked at: the original's key commands never counted, and scripts rely on it.
    Ignored(usize),
    /// All of them mean something.
    Unlimited,
}

const fn rule(command: &'static str, least: usize, most: Most, text: &'static str) -> Rule {
    Rule {
        command,
        least,
        most,
        text,
    }
}

const KEY: &str = "Error:  key required";
const CHILD: &str = "Error:  key and command to exec required";
const DIRECTORY: &str = "Name one directory, or none to print the first page";
const NOTHING: &str = "No arguments accepted";
const USER: &str = "Please provide a username";
const ROLE: &str = "Please provide a role name";
const ADDRESSES: &str = "Provide an ID and a list of comma separated peerURL (0xabcd http://example.com,http://example1.com)";

const RULES: [Rule; 36] = [
    rule("ls", 0, Most::Ignored(1), KEY),
    rule("get", 1, Most::Ignored(1), KEY),
    rule("mk", 1, Most::Ignored(2), KEY),
    rule("mkdir", 1, Most::Ignored(1), KEY),
    rule("setdir", 1, Most::Ignored(1), KEY),
    rule("updatedir", 1, Most::Ignored(1), KEY),
    rule("set", 1, Most::Ignored(2), KEY),
    rule("update", 1, Most::Ignored(2), KEY),
    rule("rm", 1, Most::Ignored(1), KEY),
    rule("rmdir", 1, Most::Ignored(1), KEY),
    rule("watch", 1, Most::Ignored(1), KEY),
    rule("exec-watch", 2, Most::Unlimited, CHILD),
    rule("member list", 0, Most::Refused(0), NOTHING),
    rule(
        "member add",
        2,
        Most::Refused(2),
        "Provide a name and a single member peerURL",
    ),
    rule(
        "member remove",
        1,
        Most::Refused(1),
        "Provide a single member ID",
    ),
    rule("member update", 2, Most::Refused(2), ADDRESSES),
    rule("cluster-health", 0, Most::Ignored(0), NOTHING),
    rule("user list", 0, Most::Refused(0), NOTHING),
    rule("user add", 1, Most::Refused(1), USER),
    rule("user get", 1, Most::Refused(1), USER),
    rule("user remove", 1, Most::Refused(1), USER),
    rule("user passwd", 1, Most::Refused(1), USER),
    rule("user grant", 1, Most::Refused(1), USER),
    rule("user revoke", 1, Most::Refused(1), USER),
    rule("role list", 0, Most::Refused(0), NOTHING),
    rule("role add", 1, Most::Refused(1), ROLE),
    rule("role get", 1, Most::Refused(1), ROLE),
    rule("role remove", 1, Most::Refused(1), ROLE),
    rule("role grant", 1, Most::Refused(1), ROLE),
    rule("role revoke", 1, Most::Refused(1), ROLE),
    rule("auth enable", 0, Most::Refused(0), NOTHING),
    rule("auth disable", 0, Most::Refused(0), NOTHING),
    rule(
        "import",
        0,
        Most::Refused(0),
        "No arguments accepted; name the file with --snap",
    ),
    rule(
        "completion",
        1,
        Most::Refused(1),
        "Name one shell: bash, zsh or fish",
    ),
    rule("man", 0, Most::Refused(1), DIRECTORY),
    rule("help", 0, Most::Unlimited, ""),
];

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
    if let Some(Rule {
        most: Most::Ignored(most),
        ..
    }) = rule_of(line)
    {
        line.arguments.truncate(*most);
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
            return wrong(DIRECTORY.to_owned());
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
    match rule_of(line) {
        Some(rule) if given < rule.least => wrong(rule.text.to_owned()),
        Some(Rule {
            most: Most::Refused(most),
            text,
            ..
        }) if given > *most => wrong((*text).to_owned()),
        _ => Ok(()),
    }
}

fn rule_of(line: &SortedLine) -> Option<&'static Rule> {
    let name = line.names().join(" ");
    RULES.iter().find(|rule| rule.command == name)
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
    let canonical = canonical(&path);
    if canonical != path {
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

/// `path` as the server compares it: from the root, without empty, `.` and `..` parts; a slash at the end stays.
fn canonical(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let end = if path.ends_with('/') && !parts.is_empty() {
        "/"
    } else {
        ""
    };
    format!("/{}{end}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition;

    #[test]
    fn every_command_has_a_rule_and_every_rule_a_command() {
        let program = definition::program();
        let mut commands: Vec<String> = definition::leaves(&program)
            .into_iter()
            .map(|path| path.join(" "))
            .collect();
        let mut rules: Vec<&str> = RULES.iter().map(|rule| rule.command).collect();
        commands.sort();
        rules.sort_unstable();
        assert_eq!(rules, commands);
    }

    #[test]
    fn paths_are_made_canonical_as_the_server_does() {
        for (path, expected) in [
            ("/foo", "/foo"),
            ("foo", "/foo"),
            ("/foo/*", "/foo/*"),
            ("/foo/../bar", "/bar"),
            ("/foo/", "/foo/"),
            ("//foo//", "/foo/"),
            ("/./foo/.", "/foo"),
            ("/..", "/"),
            ("/", "/"),
        ] {
            assert_eq!(canonical(path), expected, "{path}");
        }
    }
}
