//! Reads arguments by Go's flag rules (cluster-and-config 6.1): no argument is guessed at or dropped.

use std::ffi::OsString;
use std::iter::Peekable;

use super::catalogue::{self, Flag, HELP, Spelling};
use super::error::ConfigError;
use super::settings::{Origin, Settings};
use super::value::ValueKind;
use crate::go;

/// What the arguments ask for.
#[derive(Debug)]
pub(super) enum CommandLine {
    /// `-h`: nothing behind it is looked at.
    Help,
    /// Flags to act on.
    Flags(Settings),
}

/// Parses `args`, the program's name not among them.
pub(super) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<CommandLine, ConfigError> {
    let mut args = texts(args)?.into_iter().peekable();
    let mut settings = Settings::default();
    let mut last_bool = None;
    while let Some(argument) =
        args.next_if(|argument| argument.len() > 1 && argument.starts_with('-'))
    {
        if argument == "--" {
            break;
        }
        let (name, value) = split(&argument)?;
        if HELP.names().any(|known| known == name) {
            return Ok(CommandLine::Help);
        }
        let Some((flag, spelling)) = catalogue::by_flag(name) else {
            return Err(unknown(name));
        };
        if spelling == Spelling::Deprecated {
            settings.notice(format!("[deprecated] use -{}, not -{name}", flag.name));
        }
        last_bool = (flag.kind == ValueKind::Bool && value.is_none()).then(|| name.to_owned());
        let text = value_for(flag, name, value, &mut args)?;
        set(&mut settings, flag, name, &text)?;
    }
    match args.next() {
        Some(word) => Err(leftover(word, last_bool)),
        None => Ok(CommandLine::Flags(settings)),
    }
}

fn texts(args: impl IntoIterator<Item = OsString>) -> Result<Vec<String>, ConfigError> {
    args.into_iter()
        .enumerate()
        .map(|(place, argument)| {
            argument
                .into_string()
                .map_err(|bytes| ConfigError::ArgumentEncoding {
                    position: place + 1,
                    text: bytes.to_string_lossy().into_owned(),
                })
        })
        .collect()
}

/// Name and, behind the first `=`, value of an argument that begins with a dash.
fn split(argument: &str) -> Result<(&str, Option<&str>), ConfigError> {
    let body = argument
        .strip_prefix("--")
        .or_else(|| argument.strip_prefix('-'))
        .unwrap_or(argument);
    if body.is_empty() || body.starts_with(['-', '=']) {
        return Err(ConfigError::FlagSyntax(argument.to_owned()));
    }
    Ok(match body.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (body, None),
    })
}

fn value_for(
    flag: &Flag,
    name: &str,
    value: Option<&str>,
    args: &mut Peekable<std::vec::IntoIter<String>>,
) -> Result<String, ConfigError> {
    match value {
        Some(value) => Ok(value.to_owned()),
        // A boolean never takes the next argument: `-snapshot false` is `-snapshot` and a leftover.
        None if flag.kind == ValueKind::Bool => Ok("true".to_owned()),
        None => args
            .next()
            .ok_or_else(|| ConfigError::FlagArgument(name.to_owned())),
    }
}

fn set(
    settings: &mut Settings,
    flag: &'static Flag,
    name: &str,
    text: &str,
) -> Result<(), ConfigError> {
    let refused = |reason| match flag.kind {
        ValueKind::Bool => ConfigError::FlagBoolean {
            name: name.to_owned(),
            value: text.to_owned(),
            reason,
        },
        _ => ConfigError::FlagValue {
            name: name.to_owned(),
            value: text.to_owned(),
            reason,
        },
    };
    let value = flag.kind.parse(text).map_err(refused)?;
    settings.set(flag, value, Origin::Flag(name.to_owned()));
    Ok(())
}

fn unknown(name: &str) -> ConfigError {
    let hint = catalogue::nearest(name).map(|near| format!(" (did you mean -{near}?)"));
    ConfigError::UnknownFlag {
        name: name.to_owned(),
        hint: hint.unwrap_or_default(),
    }
}

fn leftover(word: String, last_bool: Option<String>) -> ConfigError {
    let hint = match (word.as_str(), last_bool) {
        (text, Some(name)) if go::boolean(text.as_bytes()).is_some() => {
            format!(": a boolean takes its value behind an equals sign, -{name}={text}")
        }
        ("gateway" | "grpc-proxy", _) => {
            ": the gateways are not part of this program; a TCP load balancer in front of the nodes does their work"
                .to_owned()
        }
        _ => ": every argument must be a flag (etcd -h lists them)".to_owned(),
    };
    ConfigError::Leftover { word, hint }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::{NAME, SNAPSHOT, VERBOSE};
    use super::*;

    fn flags(args: &[&str]) -> Settings {
        match parse(args.iter().map(OsString::from)).unwrap() {
            CommandLine::Flags(settings) => settings,
            CommandLine::Help => panic!("help for {args:?}"),
        }
    }

    fn refused(args: &[&str]) -> (String, i32) {
        let error = parse(args.iter().map(OsString::from)).unwrap_err();
        (error.to_string(), error.exit_code())
    }

    #[test]
    fn one_dash_two_dashes_equals_and_blank_are_the_same() {
        for args in [
            ["-name=n1"].as_slice(),
            &["--name=n1"],
            &["-name", "n1"],
            &["--name", "n1"],
            &["-n", "n1"],
        ] {
            assert_eq!(flags(args).text(&NAME).as_deref(), Some("n1"), "{args:?}");
        }
    }

    #[test]
    fn the_last_of_a_repeated_flag_wins() {
        let settings = flags(&["-name", "a", "-n=b", "--name=c"]);
        assert_eq!(settings.text(&NAME).as_deref(), Some("c"));
        assert_eq!(settings.into_notices(), ["[deprecated] use -name, not -n"]);
    }

    #[test]
    fn a_value_may_look_like_a_flag_or_hold_an_equals_sign() {
        assert_eq!(flags(&["-name", "-n"]).text(&NAME).as_deref(), Some("-n"));
        assert_eq!(flags(&["-name=a=b"]).text(&NAME).as_deref(), Some("a=b"));
        assert_eq!(
            flags(&["-name="])
                .given(&NAME)
                .map(|s| s.value.to_string())
                .as_deref(),
            Some("")
        );
    }

    #[test]
    fn booleans_take_a_value_only_behind_an_equals_sign() {
        assert!(flags(&["-snapshot"]).bool(&SNAPSHOT));
        assert!(!flags(&["-snapshot=false"]).bool(&SNAPSHOT));
        assert!(flags(&["-v", "-name", "x"]).bool(&VERBOSE));
        let (text, code) = refused(&["-snapshot", "false"]);
        assert!(text.starts_with("'false' is not a valid flag"), "{text}");
        assert!(text.ends_with("-snapshot=false"), "{text}");
        assert_eq!(code, 1);
        let (text, code) = refused(&["-snapshot=maybe"]);
        assert_eq!(
            text,
            "invalid boolean value \"maybe\" for -snapshot: parse error"
        );
        assert_eq!(code, 2);
    }

    #[test]
    fn two_dashes_and_the_first_other_word_end_the_flags() {
        assert_eq!(
            flags(&["-name", "a", "--"]).text(&NAME).as_deref(),
            Some("a")
        );
        assert!(
            refused(&["--", "-name"])
                .0
                .starts_with("'-name' is not a valid flag")
        );
        assert!(
            refused(&["foo", "-name", "a"])
                .0
                .starts_with("'foo' is not a valid flag")
        );
        assert!(refused(&["-"]).0.starts_with("'-' is not a valid flag"));
        assert!(refused(&[""]).0.starts_with("'' is not a valid flag"));
        assert!(refused(&["gateway", "start"]).0.contains("load balancer"));
    }

    #[test]
    fn broken_flags_have_gos_texts_and_status_2() {
        for (args, text) in [
            (
                ["-nosuch"].as_slice(),
                "flag provided but not defined: -nosuch",
            ),
            (&["--nosuch=1"], "flag provided but not defined: -nosuch"),
            (&["-data-dir"], "flag needs an argument: -data-dir"),
            (&["---name"], "bad flag syntax: ---name"),
            (&["-=x"], "bad flag syntax: -=x"),
            (&["--=x"], "bad flag syntax: --=x"),
            (
                &["-max-snapshots", "-1"],
                "invalid value \"-1\" for flag -max-snapshots: parse error",
            ),
        ] {
            assert_eq!(refused(args), (text.to_owned(), 2), "{args:?}");
        }
        let (text, code) = refused(&["--initial-cluster-state", "fresh"]);
        assert!(
            text.starts_with(
                "invalid value \"fresh\" for flag -initial-cluster-state: invalid value"
            ),
            "{text}"
        );
        assert_eq!(code, 2);
    }

    #[test]
    fn a_slip_of_the_pen_is_answered_with_the_nearest_flag() {
        let text = refused(&["--advertise-client-url=http://a:1"]).0;
        assert_eq!(
            text,
            "flag provided but not defined: -advertise-client-url (did you mean -advertise-client-urls?)"
        );
    }

    #[test]
    fn help_answers_at_once_unless_something_before_it_is_wrong() {
        for args in [
            ["-h"].as_slice(),
            &["--help"],
            &["-help", "-nosuch"],
            &["-v", "-h", "left", "over"],
        ] {
            let asked = parse(args.iter().map(OsString::from)).unwrap();
            assert!(matches!(asked, CommandLine::Help), "{args:?}");
        }
        assert_eq!(refused(&["-nosuch", "-h"]).1, 2);
    }

    #[cfg(unix)]
    #[test]
    fn an_argument_that_is_no_text_is_refused_by_position() {
        use std::os::unix::ffi::OsStringExt;
        let error = parse([
            OsString::from("-data-dir"),
            OsString::from_vec(vec![b'/', 0xff]),
        ])
        .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("argument 2 is not valid UTF-8"),
            "{error}"
        );
    }
}
