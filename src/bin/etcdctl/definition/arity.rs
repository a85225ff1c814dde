//! How many arguments a command takes, and what it says when they are not as many.
//!
//! The counts are those of the definition, the texts the original's (etcdctl reference 8 to 11): scripts search for them.

const KEY: &str = "Error:  key required";

/// How many arguments a command takes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arity {
    pub(crate) least: usize,
    /// `None` when all that come mean something.
    pub(crate) most: Option<usize>,
    /// Whether more are not looked at instead of refused: the original's key commands never counted, and scripts rely
    /// on it.
    pub(crate) ignores_more: bool,
    /// What is said when they are not as many.
    pub(crate) text: &'static str,
}

impl Arity {
    /// Of the command at the end of the path `names`.
    pub(crate) fn of(names: &[&str], command: &clap::Command) -> Arity {
        let text = text(names);
        let unlimited = command
            .get_positionals()
            .any(|argument| argument.is_trailing_var_arg_set());
        Arity {
            least: command
                .get_positionals()
                .filter(|argument| argument.is_required_set())
                .count(),
            most: (!unlimited).then(|| command.get_positionals().count()),
            ignores_more: text == KEY || names == ["cluster-health"],
            text,
        }
    }
}

fn text(names: &[&str]) -> &'static str {
    match names {
        ["exec-watch"] => "Error:  key and command to exec required",
        ["cluster-health"] | ["auth", _] | [_, "list"] => "No arguments accepted",
        ["member", "add"] => "Provide a name and a single member peerURL",
        ["member", "remove"] => "Provide a single member ID",
        ["member", "replace"] => "Provide an ID, a single member peerURL, and a name or none",
        ["member", _] => {
            "Provide an ID and a list of comma separated peerURL (0xabcd http://example.com,http://example1.com)"
        }
        ["user", _] => "Please provide a username",
        ["role", _] => "Please provide a role name",
        ["import"] => "No arguments accepted; name the file with --snap",
        ["completion"] => "Name one shell: bash, zsh or fish",
        ["man"] => "Name one directory, or none to print the first page",
        _ => KEY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition;

    #[test]
    fn the_counts_are_those_of_the_definition() {
        let program = definition::program();
        for (path, least, most, ignores_more) in [
            (&["ls"][..], 0, Some(1), true),
            (&["get"], 1, Some(1), true),
            (&["set"], 1, Some(2), true),
            (&["exec-watch"], 2, None, false),
            (&["member", "update"], 2, Some(2), false),
            (&["cluster-health"], 0, Some(0), true),
            (&["user", "add"], 1, Some(1), false),
            (&["import"], 0, Some(0), false),
            (&["man"], 0, Some(1), false),
        ] {
            let arity = Arity::of(path, definition::find(&program, path));
            let found = (arity.least, arity.most, arity.ignores_more);
            assert_eq!(found, (least, most, ignores_more), "{path:?}");
        }
    }
}
