//! The rules of this house that a compiler does not know: which crate and module may know which,
//! and what no file may hold.
//!
//! A failure lists every offence with file and line.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

#[path = "house/arrows.rs"]
mod arrows;
#[path = "house/circles.rs"]
mod circles;
#[path = "house/citations.rs"]
mod citations;
#[path = "house/counts.rs"]
mod counts;
#[path = "house/dependencies.rs"]
mod dependencies;
#[path = "house/imports.rs"]
mod imports;
#[path = "house/names.rs"]
mod names;
#[path = "house/rust_source.rs"]
mod rust_source;
#[path = "house/seams.rs"]
mod seams;
#[path = "house/tree.rs"]
mod tree;

use std::collections::BTreeSet;

use rust_source::{Token, tokens, without_tests};
use tree::{files, is_test_file, rust_files, text};

/// Lines that a source file may have. Past 400 it deserves a second look, past this it is split.
const LINES_MAX: usize = 700;

/// The leaves, and the crates of this workspace that each may depend on.
const LEAVES: [(&str, &[&str]); 3] = [("wal", &[]), ("storage", &[]), ("snapshot", &["wal"])];

fn report(rule: &str, offences: Vec<String>) {
    assert!(
        offences.is_empty(),
        "{rule}:\n  {}\n",
        offences.join("\n  ")
    );
}

/// The tokens of a file that go into a program.
fn program(file: &str) -> Vec<Token> {
    if is_test_file(file) {
        Vec::new()
    } else {
        without_tests(&tokens(&text(file).unwrap()))
    }
}

fn manifest(file: &str) -> toml::Table {
    text(file)
        .unwrap()
        .parse()
        .unwrap_or_else(|e| panic!("{file}: {e}"))
}

#[test]
fn every_crate_forbids_unsafe_code_and_takes_the_lints_of_the_workspace() {
    let mut roots = vec!["src/lib.rs".to_owned()];
    roots.extend(
        rust_files("src/bin")
            .into_iter()
            .filter(|file| file.matches('/').count() == 2 || file.ends_with("/main.rs")),
    );
    roots.extend(LEAVES.iter().map(|(leaf, _)| format!("{leaf}/src/lib.rs")));
    let mut offences = Vec::new();
    for root in roots {
        let tokens: Vec<_> = program(&root).into_iter().map(|token| token.text).collect();
        let wanted = ["#", "!", "[", "forbid", "(", "unsafe_code", ")", "]"];
        if !tokens.windows(wanted.len()).any(|window| window == wanted) {
            offences.push(format!("{root} does not forbid unsafe code"));
        }
    }
    for directory in ["", "wal/", "storage/", "snapshot/"] {
        let file = format!("{directory}Cargo.toml");
        let lints = manifest(&file)
            .get("lints")
            .and_then(|lints| lints.get("workspace")?.as_bool());
        if lints != Some(true) {
            offences.push(format!("{file} does not take the lints of the workspace"));
        }
    }
    report("a crate stands outside the common rules", offences);
}

/// The lines of `tokens` on which `wanted` stands, one token after the other.
fn lines_with(tokens: &[Token], wanted: &[&str]) -> Vec<usize> {
    tokens
        .windows(wanted.len())
        .filter(|window| {
            window
                .iter()
                .zip(wanted)
                .all(|(token, wanted)| token.text == *wanted)
        })
        .map(|window| window[0].line)
        .collect()
}

#[test]
fn programs_hold_no_shortcut() {
    let shortcuts: [(&[&str], &str); 8] = [
        (
            &[".", "unwrap", "("],
            "unwrap: say with expect why it cannot happen, or return the error",
        ),
        (&["todo", "!"], "an unfinished branch"),
        (&["unimplemented", "!"], "an unfinished branch"),
        (&["dbg", "!"], "a forgotten dbg!"),
        (
            &["to_ne_bytes"],
            "a native-endian number: no format of ours has one",
        ),
        (
            &["from_ne_bytes"],
            "a native-endian number: no format of ours has one",
        ),
        (&["unbounded_channel"], "a queue without a limit"),
        (
            &["process", "::", "abort"],
            "an exit that nobody can tell from a crash",
        ),
    ];
    let mut offences = Vec::new();
    for place in ["wal/src", "storage/src", "snapshot/src", "src"] {
        for file in rust_files(place) {
            let tokens = program(&file);
            for (wanted, why) in shortcuts {
                let lines = lines_with(&tokens, wanted);
                offences.extend(
                    lines
                        .into_iter()
                        .map(|line| format!("{file}:{line}: {why}")),
                );
            }
        }
    }
    report("shortcuts in code that is shipped", offences);
}

#[test]
fn apply_reads_no_clock() {
    let mut offences = Vec::new();
    for file in rust_files("storage/src") {
        for word in ["SystemTime", "Instant", "thread_rng"] {
            let lines = lines_with(&program(&file), &[word]);
            offences.extend(
                lines
                    .into_iter()
                    .map(|line| format!("{file}:{line}: {word}")),
            );
        }
    }
    report(
        "the store is a pure function of its commands; replicas would differ",
        offences,
    );
}

#[test]
fn no_test_is_skipped() {
    let mut offences = Vec::new();
    for place in ["wal", "storage", "snapshot", "src", "tests"] {
        for file in rust_files(place) {
            let lines = lines_with(&tokens(&text(&file).unwrap()), &["[", "ignore"]);
            offences.extend(lines.into_iter().map(|line| format!("{file}:{line}")));
        }
    }
    report("a test that does not run proves nothing", offences);
}

#[test]
fn no_source_file_is_too_long() {
    let mut offences = Vec::new();
    for file in files("") {
        let source = [".rs", ".py", ".sh", ".lua"]
            .iter()
            .any(|end| file.ends_with(end));
        let lines = if source {
            text(&file).unwrap_or_default().lines().count()
        } else {
            0
        };
        if lines > LINES_MAX {
            offences.push(format!("{file} has {lines} lines"));
        }
    }
    report(
        &format!("more than {LINES_MAX} lines in one file"),
        offences,
    );
}

#[test]
fn modules_are_named_after_a_subject_and_say_what_they_guarantee() {
    let mut offences = Vec::new();
    for place in ["wal/src", "storage/src", "snapshot/src", "src"] {
        for file in rust_files(place) {
            let vague = ["utils", "util", "common", "misc", "helpers"];
            let parts = file.trim_end_matches(".rs").split('/');
            if parts.into_iter().any(|part| vague.contains(&part)) {
                offences.push(format!("{file}: the name tells no subject"));
            }
            if !is_test_file(&file) && !text(&file).unwrap().starts_with("//!") {
                offences.push(format!("{file}:1: no word on what the module guarantees"));
            }
        }
    }
    report("a reader would be lost", offences);
}

/// Whether `word` stands in `line` by itself.
fn has_word(line: &str, word: &str) -> bool {
    let outside = |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        outside(line[..at].chars().next_back()) && outside(line[at + word.len()..].chars().next())
    })
}

/// Whether `line` names the absolute path or host `place`, and not one that only ends like it.
fn has_place(line: &str, place: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || "_-.}".contains(c);
    line.match_indices(place)
        .any(|(at, _)| !line[..at].chars().next_back().is_some_and(inside))
}

#[test]
fn no_file_holds_a_note_to_self_or_a_place_on_some_machine() {
    // In pieces, or this file would offend.
    let notes = [["TO", "DO"], ["FIX", "ME"], ["XX", "X"], ["HA", "CK"]].map(|word| word.concat());
    let places = [
        ["/wo", "rk/"],
        ["/tm", "p/t-"],
        ["/ro", "ot/."],
        ["cra", "tes.io"],
        ["py", "pi.org"],
    ]
    .map(|place| place.concat());
    let mut offences = Vec::new();
    for file in files("") {
        // Written by cargo, with the registry's name in every entry.
        if file == "Cargo.lock" {
            continue;
        }
        for (number, line) in text(&file).unwrap_or_default().lines().enumerate() {
            let note = notes.iter().find(|note| has_word(line, note));
            let place = places.iter().find(|place| has_place(line, place));
            if let Some(found) = note.or(place) {
                offences.push(format!("{file}:{}: {found}", number + 1));
            }
        }
    }
    report(
        "a clean clone should not tell where and how it was made",
        offences,
    );
}

#[test]
fn words_and_places_are_told_from_parts_of_longer_ones() {
    let todo = ["TO", "DO"].concat();
    assert!(has_word(&format!("// {todo}: later"), &todo));
    assert!(!has_word(&format!("MAS{todo}N"), &todo));
    let tmp = ["/tm", "p/"].concat();
    assert!(has_place(&format!("\"{tmp}x\""), &tmp) && has_place(&tmp, &tmp));
    assert!(!has_place(&format!("/var{tmp}x"), &tmp));
}

/// The words behind `mark`, where a command stands: at the begin of a line or in backquotes.
fn commands<'t>(text: &'t str, mark: &str) -> BTreeSet<&'t str> {
    let name = |rest: &'t str| {
        let ends = |c: char| !(c.is_ascii_alphanumeric() || "-./_".contains(c));
        let word = &rest[..rest.find(ends).unwrap_or(rest.len())];
        word.trim_end_matches('.')
    };
    let at = text.match_indices(mark).filter(|(at, _)| {
        let before = text[..*at].trim_end_matches(' ');
        before.ends_with(['`', '\n']) || before.ends_with("exec")
    });
    at.map(|(at, _)| name(&text[at + mark.len()..])).collect()
}

#[test]
fn what_the_readme_tells_to_run_exists() {
    let makefile = text("Makefile").unwrap();
    let targets: Vec<&str> = makefile
        .lines()
        .filter(|line| !line.starts_with(['\t', ' ', '#', '.']))
        .filter_map(|line| line.split_once(':').map(|(target, _)| target))
        .collect();
    let mut offences = Vec::new();
    for file in ["README.md", "HACKING.md", "tests/README.md", ".ci/run"] {
        let text = text(file).unwrap();
        for word in commands(&text, "make ") {
            if !targets.contains(&word) {
                offences.push(format!("{file}: make {word}"));
            }
        }
        for script in commands(&text, "tools/") {
            if files(&format!("tools/{script}")).is_empty() {
                offences.push(format!("{file}: tools/{script}"));
            }
        }
    }
    report("a command that does not exist", offences);
    let run = text(".ci/run").unwrap();
    assert_eq!(commands(&run, "tools/"), BTreeSet::from(["verify.sh"]));
    let readme = text("README.md").unwrap();
    assert!(commands(&readme, "tools/").is_superset(&BTreeSet::from(["run.sh", "verify.sh"])));
}

/// A minimal system has no `make`: what the README tells to run must not need it.
#[test]
fn scripts_are_executable_and_need_no_make() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut offences = Vec::new();
    for file in files("tools") {
        let source = text(&file).unwrap();
        let path = tree::top().join(&file);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        if mode & 0o111 == 0 || !source.starts_with("#") {
            offences.push(format!("{file} cannot be run"));
        }
        for (number, line) in source.lines().enumerate() {
            let code = line.split('#').next().unwrap_or_default();
            // To look for it is not to call it.
            let installs = code.trim_start().starts_with("has make || need ");
            if !installs && code.split_whitespace().any(|word| word == "make") {
                offences.push(format!("{file}:{}: {line}", number + 1));
            }
        }
        let shell = if source.starts_with("#!/bin/sh") {
            "sh"
        } else {
            "bash"
        };
        let read = std::process::Command::new(shell)
            .arg("-n")
            .arg(&path)
            .status();
        if !read.unwrap().success() {
            offences.push(format!("{file} is no script of {shell}"));
        }
    }
    report("a script that does not run everywhere", offences);
}

/// The words behind `mark` in a text, up to the first character that no name has.
fn names_behind(text: &str, mark: &str) -> BTreeSet<String> {
    let names = text.split(mark).skip(1).map(|rest| {
        let ends = |c: char| !(c.is_ascii_lowercase() || c == '-');
        rest[..rest.find(ends).unwrap_or(rest.len())].to_owned()
    });
    names.collect()
}

/// `docs/invariants.md` lists what the code asserts, each in the file it names, and a test plants a breach of each.
#[test]
fn every_invariant_is_listed_asserted_and_planted() {
    let (mut asserted, mut planted) = (BTreeSet::new(), BTreeSet::new());
    for place in ["wal/src", "storage/src", "snapshot/src", "src"] {
        for file in rust_files(place) {
            let text = text(&file).unwrap();
            planted.extend(names_behind(&text, "expected = \"invariant "));
            // Each is followed by a colon; what a test expects, and what ends the process, is not.
            let names = names_behind(&text, "\"invariant ");
            let said = |name: &String| text.contains(&format!("\"invariant {name}: "));
            let own = |name: &String| name != "of-a-test" && said(name);
            asserted.extend(
                names
                    .into_iter()
                    .filter(own)
                    .map(|name| (name, file.clone())),
            );
        }
    }
    let page = text("docs/invariants.md").unwrap();
    let rows = page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let (name, file) = (cells.next()?, cells.nth(1)?.strip_prefix('`')?);
        Some((name.to_owned(), file.split('`').next()?.to_owned()))
    });
    let listed: BTreeSet<_> = rows.collect();
    assert!(listed.len() >= 15, "{listed:?}");
    let differ = |rule: &str, these: &BTreeSet<_>, those: &BTreeSet<_>| {
        let only = these.difference(those).map(|line| format!("{line:?}"));
        report(rule, only.collect());
    };
    differ("listed and not asserted there", &listed, &asserted);
    differ("asserted and not listed with that file", &asserted, &listed);
    let names: BTreeSet<String> = listed.into_iter().map(|(name, _)| name).collect();
    let unplanted = names.difference(&planted).cloned().collect();
    report("no test plants a breach of", unplanted);
}
