//! Shell sessions written down in text files and replayed word for word: every byte of both streams and every exit code.
//!
//! `$ line` is given to `sh`; the lines below it are its standard output, those after `! ` its standard error, and
//! `? N` its exit code (0 when absent). `# text` opens a section (the empty line before it is not output).
//! The shell knows `$URL`, `$PEER` and `$BASE` (the index before the first line), and `etcdctl` talks to the server.
//! In the expected output:
//!
//! | text | stands for |
//! |---|---|
//! | `<+N>`, `<+N:W>` | the index N after `$BASE`, zero-padded to W digits |
//! | `<url>`, `<peer>`, `<form url>`, `<form peer>` | the server's addresses, the latter form-encoded |
//! | `<id>` | a member id: 1 to 16 hexadecimal digits |
//! | `<time>` | a UTC time with up to 9 fractional digits, trailing zeros trimmed |
//! | `<ttl N>` | N seconds or up to 30 less |
//! | `<>` | nothing (makes a space at the end of a line visible) |

use std::fs;
use std::process::{Command, Stdio};

use super::node;
use super::support::server::Server;

/// How much later than its write a TTL may be read on a busy machine, seconds.
const TTL_SLACK: u64 = 30;

struct Step {
    line: usize,
    command: String,
    stdout: Vec<String>,
    stderr: Vec<String>,
    code: i32,
}

/// Replays `tests/clients/transcripts/NAME.txt`.
///
/// # Panics
/// At the first difference, with the file, the line and both texts.
pub(crate) fn replay(server: &Server, name: &str) {
    for tool in ["sh", "etcdctl", "curl"] {
        node::program(tool);
    }
    let path = node::file(&format!("tests/clients/transcripts/{name}.txt"));
    let text = fs::read_to_string(&path).expect("the transcript is part of the repository");
    let words = Words::new(server);
    let steps = parse(&text);
    assert!(!steps.is_empty(), "{} has no command", path.display());
    for step in steps {
        run(&words, &step).unwrap_or_else(|difference| {
            panic!(
                "{}:{}: $ {}\n{difference}\n{}",
                path.display(),
                step.line,
                step.command,
                server.log_tail()
            )
        });
    }
}

fn parse(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step {
                line: number + 1,
                command: command.to_owned(),
                stdout: Vec::new(),
                stderr: Vec::new(),
                code: 0,
            });
            continue;
        }
        let section = line.starts_with("# ");
        let Some(step) = steps.last_mut() else {
            assert!(section, "line {}: {line:?} before any command", number + 1);
            continue;
        };
        if section {
            let separator = step.stdout.pop();
            assert_eq!(
                separator.as_deref(),
                Some(""),
                "line {number}: not an empty line"
            );
        } else if let Some(error) = line.strip_prefix("! ") {
            step.stderr.push(error.to_owned());
        } else if let Some(code) = line.strip_prefix("? ") {
            step.code = code.parse().expect("an exit code is a number");
        } else {
            step.stdout.push(line.to_owned());
        }
    }
    steps
}

fn run(words: &Words, step: &Step) -> Result<(), String> {
    let output = Command::new("sh")
        .args(["-c", &step.command])
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
    let matches = words.fits(&step.stdout, &stdout) && words.fits(&step.stderr, &stderr);
    if matches && output.status.code() == Some(step.code) {
        return Ok(());
    }
    Err(format!(
        "wanted exit code {}, output\n{}\nand errors\n{}\nfound {}, output\n{stdout}and errors\n{stderr}",
        step.code,
        step.stdout.join("\n"),
        step.stderr.join("\n"),
        output.status,
    ))
}

/// What the placeholders stand for.
struct Words {
    url: String,
    peer: String,
    base: u64,
}

impl Words {
    fn new(server: &Server) -> Words {
        Words {
            url: server.url(),
            peer: format!("http://{}", server.peer_addr()),
            base: node::index(server),
        }
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
        let Some((literal, word, after)) = next_word(expected) else {
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
        let form = |url: &str| url.replace(':', "%3A").replace('/', "%2F");
        match word {
            "" => Some(found),
            "url" => found.strip_prefix(self.url.as_str()),
            "peer" => found.strip_prefix(self.peer.as_str()),
            "form url" => found.strip_prefix(form(&self.url).as_str()),
            "form peer" => found.strip_prefix(form(&self.peer).as_str()),
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

    fn index(&self, word: &str) -> Option<String> {
        let (offset, width) = word
            .strip_prefix('+')?
            .split_once(':')
            .unwrap_or((&word[1..], "1"));
        let index = self.base + offset.parse::<u64>().ok()?;
        Some(format!("{index:0>width$}", width = width.parse().ok()?))
    }
}

/// The first placeholder of `text`: what stands before it, its name, what follows.
fn next_word(text: &str) -> Option<(&str, &str, &str)> {
    const NAMES: [&str; 7] = ["", "url", "peer", "form url", "form peer", "id", "time"];
    for (at, _) in text.match_indices('<') {
        if let Some((name, after)) = text[at + 1..].split_once('>')
            && (NAMES.contains(&name) || name.starts_with('+') || name.starts_with("ttl "))
        {
            return Some((&text[..at], name, after));
        }
    }
    None
}

fn split_while(text: &str, keep: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !keep(c)).unwrap_or(text.len()))
}

/// `2026-11-22T05:56:13.566931111Z`, without zeros at the end of the fraction.
fn is_time(text: &str) -> bool {
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
