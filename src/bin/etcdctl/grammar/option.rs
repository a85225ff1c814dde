//! Single words: which of them are options, and which option a name means.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use clap::{Arg, Command};

/// Who an option belongs to. Mistakes in it are explained with the help of its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Every command has it.
    Global,
    /// The command that is being read.
    Command,
}

/// What a word looks like.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// A name or an argument. A lone dash is one.
    Plain,
    /// `--`
    End,
    /// Dashes before something that can be no name.
    Malformed,
    /// One dash or two before a name.
    Option(OptionWord),
}

/// An option as it was written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OptionWord {
    /// Without dashes and value.
    pub(super) name: String,
    /// What stands behind the equals sign, if there is one.
    pub(super) value: Option<OsString>,
}

impl Word {
    pub(super) fn of(word: &OsStr) -> Word {
        let body = match word.as_bytes() {
            b"--" => return Word::End,
            [b'-', b'-', body @ ..] | [b'-', body @ ..] if !body.is_empty() => body,
            _ => return Word::Plain,
        };
        if matches!(body[0], b'-' | b'=') {
            return Word::Malformed;
        }
        let mut parts = body.splitn(2, |byte| *byte == b'=');
        let name = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
        let value = parts.next().map(|value| OsString::from_vec(value.to_vec()));
        Word::Option(OptionWord { name, value })
    }
}

/// The option that `name` means behind `command`: one of its own, else one of the program.
pub(crate) fn find<'d>(
    program: &'d Command,
    command: Option<&'d Command>,
    name: &str,
) -> Option<(&'d Arg, Scope)> {
    let own = command.and_then(|command| option_of(command, name));
    let global = || option_of(program, name).map(|arg| (arg, Scope::Global));
    own.map(|arg| (arg, Scope::Command)).or_else(global)
}

fn option_of<'d>(command: &'d Command, name: &str) -> Option<&'d Arg> {
    command
        .get_arguments()
        .find(|arg| names(arg).iter().any(|own| own == name))
}

/// Every name of an option, without dashes; an argument has none.
pub(crate) fn names(arg: &Arg) -> Vec<String> {
    let short = arg.get_short_and_visible_aliases().unwrap_or_default();
    let long = arg.get_long_and_visible_aliases().unwrap_or_default();
    let hidden = arg.get_aliases().unwrap_or_default();
    let long = long.into_iter().chain(hidden).map(str::to_owned);
    short.into_iter().map(String::from).chain(long).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str, value: Option<&str>) -> Word {
        Word::Option(OptionWord {
            name: name.to_owned(),
            value: value.map(OsString::from),
        })
    }

    #[test]
    fn words_are_told_apart() {
        for word in ["", "-", "k", "/k", "k=v", "a-b", "é"] {
            assert_eq!(Word::of(OsStr::new(word)), Word::Plain, "{word}");
        }
        for word in ["---", "---x", "-=", "-=x", "--=x", "--=", "--- "] {
            assert_eq!(Word::of(OsStr::new(word)), Word::Malformed, "{word}");
        }
        assert_eq!(Word::of(OsStr::new("--")), Word::End);
        for dashes in ["-", "--"] {
            for (word, expected) in [
                ("ttl", written("ttl", None)),
                ("ttl=5", written("ttl", Some("5"))),
                ("ttl=", written("ttl", Some(""))),
                ("a=b=c", written("a", Some("b=c"))),
                ("1", written("1", None)),
            ] {
                assert_eq!(
                    Word::of(OsStr::new(&format!("{dashes}{word}"))),
                    expected,
                    "{word}"
                );
            }
        }
    }

    #[test]
    fn a_value_may_be_any_bytes() {
        let word = OsStr::from_bytes(b"--with-value=\xff=\x80");
        let value = Some(OsStr::from_bytes(b"\xff=\x80").to_owned());
        let name = "with-value".to_owned();
        assert_eq!(Word::of(word), Word::Option(OptionWord { name, value }));
    }
}
