//! Shell sessions written down in text files and replayed word for word: every byte of both streams and every exit code.
//!
//! `$ line` is given to `sh`; the lines below it are its standard output, those after `! ` its standard error, and
//! `? N` its exit code (0 when absent). `# text` opens a section (the empty line before it is not output). `= SECTION why`
//! names a choice of that section of the etcdctl reference (or `design N`, which precedes it): what stands above it is the
//! original's, what follows is what ours prints instead. `~ term` is for programs that know more about a line
//! (`tests/etcdctl/notation.rs`); directly below a title it holds for the whole section.
//! The shell knows `$URL`, `$PEER` and `$BASE` (the index before the first line), and `etcdctl` talks to the server.
//! In the expected output:
//!
//! | text | stands for |
//! |---|---|
//! | `<+N>`, `<+N:W>` | the index N after `$BASE`, zero-padded to W digits |
//! | `<url>`, `<peer>`, `<form url>`, `<form peer>` | the server's addresses, the latter form-encoded |
//! | `<version>` | the version of this repository
//! | `<id>` | a member id: 1 to 16 hexadecimal digits |
//! | `<n>` | a decimal number |
//! | `<time>` | a UTC time with up to 9 fractional digits, trailing zeros trimmed |
//! | `<ttl N>` | N seconds or up to 30 less |
//! | `<>` | nothing (makes a space at the end of a line visible) |

use std::fs;
use std::process::{Command, Stdio};

use super::client::Client;
use super::place;
use super::server::Server;

/// How much later than its write a TTL may be read on a busy machine, seconds.
pub(crate) const TTL_SLACK: u64 = 30;

/// One command line and what is known about it.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// Its place in the file, from 1.
    pub(crate) line: usize,
    pub(crate) command: String,
    /// What stands behind `~ `: of the section, then of the command.
    pub(crate) terms: Vec<String>,
    /// What the original prints.
    pub(crate) expected: Expected,
    /// What ours prints instead.
    pub(crate) choice: Option<Choice>,
}

/// A difference that the reference decided.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) section: String,
    /// Whether the original's output is the same in each run.
    pub(crate) steady: bool,
    pub(crate) ours: Expected,
}

impl Choice {
    /// Reads `= SECTION why` or `=? SECTION why`; `None` for any other line.
    fn read(line: &str) -> Option<Choice> {
        let (mark, reason) = line.split_once(' ')?;
        let section = reason.strip_prefix("design ").unwrap_or(reason);
        let named = section.starts_with(|c: char| c.is_ascii_digit()) && section.contains(' ');
        (named && matches!(mark, "=" | "=?")).then(|| Choice {
            section: reason.to_owned(),
            steady: mark == "=",
            ours: Expected::default(),
        })
    }
}

/// What a command is expected to print, with placeholders, and its exit code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    stdout: Vec<String>,
    stderr: Vec<String>,
    code: i32,
}

impl Expected {
    /// Takes one line that stands below a command.
    ///
    /// # Panics
    /// When the text after `? ` is no exit code.
    fn take(&mut self, line: &str) {
        if let Some(error) = line.strip_prefix("! ") {
            self.stderr.push(error.to_owned());
        } else if let Some(code) = line.strip_prefix("? ") {
            self.code = code.parse().expect("an exit code is a number");
        } else {
            self.stdout.push(line.to_owned());
        }
    }

    /// Drops the empty line before a new section, which is not output; false when there is none.
    fn drop_separator(&mut self) -> bool {
        self.stdout.pop().is_some_and(|line| line.is_empty())
    }

    /// Whether a command printed this and ended so.
    pub(crate) fn fits(
        &self,
        words: &Words,
        stdout: &str,
        stderr: &str,
        code: Option<i32>,
    ) -> bool {
        words.fits(&self.stdout, stdout)
            && words.fits(&self.stderr, stderr)
            && code == Some(self.code)
    }

    /// The expectation for a failure message.
    pub(crate) fn show(&self) -> String {
        format!(
            "exit code {}, output\n{}\nand errors\n{}",
            self.code,
            self.stdout.join("\n"),
            self.stderr.join("\n")
        )
    }
}

/// Whose output of a session is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    Original,
    /// Where there is a choice, that; elsewhere the original's.
    Ours,
}

/// Replays `file` of the repository with `client` against `server`.
///
/// # Panics
/// At the first difference, with the file, the line and both texts.
pub(crate) fn replay(client: &Client, voice: Voice, server: &Server, file: &str) {
    for tool in ["sh", "curl"] {
        place::program(tool);
    }
    let text = fs::read_to_string(place::file(file)).expect("it is part of the repository");
    let words = Words::new(server);
    let steps = parse(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert!(!steps.is_empty(), "{file} has no command");
    for step in steps {
        assert!(step.terms.is_empty(), "{file}:{}: a term", step.line);
        let expected = match &step.choice {
            Some(choice) if voice == Voice::Ours => &choice.ours,
            _ => &step.expected,
        };
        run(client, &words, &step.command, expected).unwrap_or_else(|difference| {
            panic!(
                "{file}:{}: $ {}\n{difference}\n{}",
                step.line,
                step.command,
                server.log_tail()
            )
        });
    }
}

/// Reads a session.
///
/// # Errors
/// With the line that is no notation.
pub(crate) fn parse(text: &str) -> Result<Vec<Step>, String> {
    let mut steps: Vec<Step> = Vec::new();
    let mut section = Vec::new();
    let mut in_title = true;
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(command) = line.strip_prefix("$ ") {
            in_title = false;
            steps.push(Step {
                line: number,
                command: command.to_owned(),
                terms: section.clone(),
                expected: Expected::default(),
                choice: None,
            });
        } else if line.starts_with("# ") {
            if let Some(step) = steps.last_mut()
                && !step.output().drop_separator()
            {
                return Err(format!("line {number}: no empty line before the section"));
            }
            (section, in_title) = (Vec::new(), true);
        } else if in_title {
            match line.strip_prefix("~ ") {
                Some(term) => section.push(term.to_owned()),
                None => return Err(format!("line {number}: {line:?} before any command")),
            }
        } else if let Some(step) = steps.last_mut() {
            step.take(line);
        }
    }
    Ok(steps)
}

impl Step {
    /// Takes a line that stands below the command. Behind a choice everything is output.
    fn take(&mut self, line: &str) {
        if self.choice.is_some() {
            self.output().take(line);
        } else if let Some(choice) = Choice::read(line) {
            self.choice = Some(choice);
        } else if let Some(term) = line.strip_prefix("~ ") {
            self.terms.push(term.to_owned());
        } else {
            self.expected.take(line);
        }
    }

    /// The output whose lines are being read.
    fn output(&mut self) -> &mut Expected {
        match &mut self.choice {
            Some(choice) => &mut choice.ours,
            None => &mut self.expected,
        }
    }
}

fn run(client: &Client, words: &Words, command: &str, expected: &Expected) -> Result<(), String> {
    let output = Command::new("sh")
        .args(["-c", command])
        .env("PATH", client.path())
        .env("ETCDCTL_API", "2")
        .env("ETCDCTL_ENDPOINTS", &words.url)
        .env("URL", &words.url)
        .env("PEER", &words.peer)
        .env("BASE", words.base.to_string())
        .env("NO_PROXY", "*")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("sh cannot be started: {error}"))?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    if expected.fits(words, &stdout, &stderr, output.status.code()) {
        return Ok(());
    }
    Err(format!(
        "wanted {}\nfound {}, output\n{stdout}and errors\n{stderr}",
        expected.show(),
        output.status,
    ))
}

/// What the placeholders stand for.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    url: String,
    peer: String,
    base: u64,
    /// Placeholders of the program that replays: name and text.
    more: Vec<(&'static str, String)>,
}

impl Words {
    /// The words of `server`; its last index so far becomes `$BASE`.
    pub(crate) fn new(server: &Server) -> Words {
        Words {
            url: server.url(),
            peer: format!("http://{}", server.peer_addr()),
            base: server.index(),
            more: Vec::new(),
        }
    }

    /// Lets `<name>` stand for `text`.
    pub(crate) fn with(mut self, name: &'static str, text: String) -> Words {
        self.more.push((name, text));
        self
    }

    /// The index before the first line.
    pub(crate) fn base(&self) -> u64 {
        self.base
    }

    /// Whether `found` is the expected lines, each ended by a newline.
    fn fits(&self, expected: &[String], found: &str) -> bool {
        let mut rest = found;
        for line in expected {
            let Some((first, others)) = rest.split_once('\n') else {
                return false;
            };
            if !self.line_fits(line, first) {
                return false;
            }
            rest = others;
        }
        rest.is_empty()
    }

    fn line_fits(&self, expected: &str, found: &str) -> bool {
        let Some((literal, word, after)) = self.next_word(expected) else {
            return expected == found;
        };
        let Some(found) = found.strip_prefix(literal) else {
            return false;
        };
        match self.take(word, found) {
            Some(rest) => self.line_fits(after, rest),
            None => false,
        }
    }

    /// Takes what `word` stands for from the front of `found`.
    fn take<'a>(&self, word: &str, found: &'a str) -> Option<&'a str> {
        if let Some((_, text)) = self.more.iter().find(|(name, _)| *name == word) {
            return found.strip_prefix(text.as_str());
        }
        let form = |url: &str| url.replace(':', "%3A").replace('/', "%2F");
        match word {
            "" => Some(found),
            "url" => found.strip_prefix(self.url.as_str()),
            "version" => found.strip_prefix(env!("CARGO_PKG_VERSION")),
            "peer" => found.strip_prefix(self.peer.as_str()),
            "form url" => found.strip_prefix(form(&self.url).as_str()),
            "form peer" => found.strip_prefix(form(&self.peer).as_str()),
            "n" => {
                let (number, rest) = split_while(found, |c| c.is_ascii_digit());
                (!number.is_empty()).then_some(rest)
            }
            "id" => {
                let (id, rest) = split_while(found, |c| matches!(c, '0'..='9' | 'a'..='f'));
                (1..=16).contains(&id.len()).then_some(rest)
            }
            "time" => {
                let (time, rest) = split_while(found, |c| !matches!(c, '"' | ' '));
                is_time(time).then_some(rest)
            }
            _ => match word.strip_prefix("ttl ") {
                Some(seconds) => {
                    let set: u64 = seconds.parse().expect("a TTL is a number");
                    let (left, rest) = split_while(found, |c| c.is_ascii_digit());
                    let left: u64 = left.parse().ok()?;
                    (left <= set && left + TTL_SLACK >= set).then_some(rest)
                }
                None => found.strip_prefix(self.index(word)?.as_str()),
            },
        }
    }

    /// The first placeholder of `text`: what stands before it, its name, what follows.
    fn next_word<'a>(&self, text: &'a str) -> Option<(&'a str, &'a str, &'a str)> {
        const NAMES: [&str; 9] = [
            "",
            "url",
            "peer",
            "form url",
            "form peer",
            "id",
            "n",
            "time",
            "version",
        ];
        for (at, _) in text.match_indices('<') {
            if let Some((name, after)) = text[at + 1..].split_once('>')
                && (NAMES.contains(&name)
                    || name.starts_with('+')
                    || name.starts_with("ttl ")
                    || self.more.iter().any(|(more, _)| *more == name))
            {
                return Some((&text[..at], name, after));
            }
        }
        None
    }

    fn index(&self, word: &str) -> Option<String> {
        let (offset, width) = word
            .strip_prefix('+')?
            .split_once(':')
            .unwrap_or((&word[1..], "1"));
        let index = self.base + offset.parse::<u64>().ok()?;
        Some(format!("{index:0>width$}", width = width.parse().ok()?))
    }
}

fn split_while(text: &str, keep: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !keep(c)).unwrap_or(text.len()))
}

/// Whether `text` is like `2026-11-22T05:56:13.566931111Z`, without zeros at the end of the fraction.
pub(crate) fn is_time(text: &str) -> bool {
    let Some((date, fraction)) = text
        .strip_suffix('Z')
        .map(|text| text.split_once('.').unwrap_or((text, "1")))
    else {
        return false;
    };
    let shape: String = date
        .chars()
        .map(|c| if c.is_ascii_digit() { '9' } else { c })
        .collect();
    shape == "9999-99-99T99:99:99"
        && (1..=9).contains(&fraction.len())
        && fraction.chars().all(|c| c.is_ascii_digit())
        && !fraction.ends_with('0')
}
