//! What is cited is there: sections of the documents, links, and files that a document names.
//!
//! There is one way to cite. A document is named, and its sections follow: `keys-api 5.1`, `etcdctl reference 8.1 and 8.2`,
//! `store-layout 5.16` (the sixteenth item of its section 5), `design 17`, `faults F5`. A title may follow in quotes, or stand
//! in place of a number.

use std::collections::BTreeSet;

use crate::report;
use crate::tree::{files, text, top};

/// How a document is called where it is cited, and where it lies.
const DOCUMENTS: [(&str, &str); 7] = [
    ("keys-api", "docs/reference/keys-api.md"),
    ("cluster-and-config", "docs/reference/cluster-and-config.md"),
    ("etcdctl reference", "docs/reference/etcdctl.md"),
    ("foreign-data", "docs/reference/foreign-data.md"),
    ("store-layout", "docs/store-layout.md"),
    ("design", "docs/design.md"),
    ("faults", "docs/faults.md"),
];

/// Other ways to cite, which no test could follow.
const OTHER_WAYS: [&str; 5] = [
    "keys reference",
    "cluster reference",
    "config reference",
    "store study",
    "design:",
];

/// It plants citations that are wrong.
const THIS: &str = "tests/house/citations.rs";

/// A document that is cited: the numbers of its sections, and its words for titles.
struct Document {
    sections: BTreeSet<String>,
    words: String,
}

impl Document {
    fn read(text: &str) -> Document {
        let mut sections = BTreeSet::new();
        let mut under = String::new();
        for line in text.lines() {
            if let Some(heading) = line.strip_prefix("##") {
                under = number(heading.trim_start_matches('#').trim_start()).unwrap_or_default();
                sections.insert(under.clone());
            } else if let Some(row) = line.strip_prefix("| F") {
                sections.extend(number(row).map(|row| format!("F{row}")));
            } else if let Some(item) =
                number(line).filter(|item| line[item.len()..].starts_with(". "))
            {
                // The items of a list go on counting in a document whose headings have no numbers.
                let below = if under.is_empty() {
                    item
                } else {
                    format!("{under}.{item}")
                };
                sections.insert(below);
            }
        }
        sections.remove("");
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Document { sections, words }
    }
}

/// The number of a section at the beginning of `text`: `5`, `5.1`, `F5`.
fn number(text: &str) -> Option<String> {
    let is_part = |c: char| c.is_ascii_digit() || c == '.';
    let letter = usize::from(text.starts_with('F'));
    let digits = &text[letter..];
    let end = digits.find(|c| !is_part(c)).unwrap_or(digits.len());
    let digits = digits[..end].trim_end_matches('.');
    digits
        .starts_with(|c: char| c.is_ascii_digit())
        .then(|| text[..letter + digits.len()].to_owned())
}

/// A text as one line, without the marks of comments, and which line each byte comes from.
struct Joined {
    text: String,
    starts: Vec<(usize, usize)>,
}

impl Joined {
    fn of(text: &str) -> Joined {
        let mut joined = Joined {
            text: String::new(),
            starts: Vec::new(),
        };
        for (at, line) in text.lines().enumerate() {
            let line = line.trim_start();
            let bare = ["//!", "///", "//", "#"]
                .iter()
                .find_map(|mark| line.strip_prefix(mark));
            joined.starts.push((joined.text.len(), at + 1));
            joined.text += bare.unwrap_or(line).trim();
            joined.text += " ";
        }
        joined
    }

    fn line(&self, at: usize) -> usize {
        let before = self.starts.partition_point(|(start, _)| *start <= at);
        before.checked_sub(1).map_or(1, |last| self.starts[last].1)
    }

    /// The places where `words` stand by themselves.
    fn places(&self, words: &str) -> impl Iterator<Item = usize> {
        let inside = |c: char| c.is_alphanumeric() || "_-/".contains(c);
        let all = self.text.match_indices(words);
        all.map(|(at, _)| at)
            .filter(move |at| !self.text[..*at].chars().next_back().is_some_and(inside))
    }
}

/// What follows the name of a document: the sections, and the title in quotes.
fn cited(mut rest: &str) -> (Vec<String>, Option<&str>) {
    let mut sections = Vec::new();
    while let Some(next) = [" and ", " to ", ", ", "-", " "]
        .iter()
        .filter(|joint| **joint != " " || sections.is_empty())
        .find_map(|joint| {
            rest.strip_prefix(joint)
                .filter(|next| number(next).is_some())
        })
    {
        let section = number(next).unwrap_or_default();
        rest = &next[section.len()..];
        sections.push(section);
    }
    let title = rest
        .strip_prefix(", \"")
        .and_then(|title| title.split_once('"'));
    (sections, title.map(|(title, _)| title))
}

/// The wrong citations of a file, and how many there are in all.
fn check(file: &str, text: &str, documents: &[(&str, Document)]) -> (Vec<String>, usize) {
    let joined = Joined::of(text);
    let mut wrong = Vec::new();
    let mut count = 0;
    for (name, document) in documents {
        for at in joined.places(name) {
            let (sections, title) = cited(&joined.text[at + name.len()..]);
            count += usize::from(!sections.is_empty() || title.is_some());
            let missing = sections
                .iter()
                .filter(|section| !document.sections.contains(*section));
            let missing = missing.map(|section| format!("{name} {section}"));
            let untitled = title.filter(|title| !document.words.contains(title));
            let untitled = untitled.map(|title| format!("{name}, \"{title}\""));
            let line = joined.line(at);
            wrong.extend(
                missing
                    .chain(untitled)
                    .map(|what| format!("{file}:{line}: no {what}")),
            );
        }
    }
    for way in OTHER_WAYS {
        let places = joined.places(way).map(|at| joined.line(at));
        wrong.extend(places.map(|line| format!("{file}:{line}: {way:?} is no way to cite")));
    }
    for at in joined.places("reference ") {
        let numbered = number(&joined.text[at + "reference ".len()..]).is_some();
        if numbered && !joined.text[..at].ends_with("etcdctl ") {
            wrong.push(format!(
                "{file}:{}: the reference of what?",
                joined.line(at)
            ));
        }
    }
    (wrong, count)
}

fn documents() -> Vec<(&'static str, Document)> {
    let read = |(name, file)| (name, Document::read(&text(file).unwrap()));
    DOCUMENTS.into_iter().map(read).collect()
}

#[test]
fn every_citation_leads_to_a_section() {
    let documents = documents();
    let (mut wrong, mut count) = (Vec::new(), 0);
    let ends = [".rs", ".md", ".py", ".sh", ".txt", ".toml"];
    for file in files("")
        .iter()
        .filter(|file| ends.iter().any(|end| file.ends_with(end)) && *file != THIS)
    {
        let (offences, found) = check(file, &text(file).unwrap_or_default(), &documents);
        wrong.extend(offences);
        count += found;
    }
    println!("citations: {count}");
    assert!(count > 150, "only {count} citations: they are not read");
    report("cited and not there", wrong);
}

/// Tables of tests name a section of one document: command lines (`= 8.1 why`, `= design 10 why`) and requests that are
/// compared with the original (`section: "3.2 why"`).
#[test]
fn every_section_in_the_tables_of_tests_is_there() {
    let documents = documents();
    let tables = [
        ("tests/etcdctl/table", "= ", "etcdctl reference"),
        ("tests/differential/cases", "section: \"", "keys-api"),
    ];
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (place, mark, document) in tables {
        for file in files(place) {
            for (at, line) in text(&file).unwrap().lines().enumerate() {
                let Some(why) = line.trim_start().strip_prefix(mark) else {
                    continue;
                };
                let other = why
                    .split_once(' ')
                    .filter(|(first, _)| documents.iter().any(|(name, _)| name == first));
                let (document, why) = other.unwrap_or((document, why));
                let known = documents
                    .iter()
                    .find(|(name, _)| *name == document)
                    .unwrap();
                let (sections, _) = cited(&format!(" {why}"));
                let missing = sections
                    .iter()
                    .any(|section| !known.1.sections.contains(section));
                if sections.is_empty() || missing {
                    wrong.push(format!("{file}:{}: {line}", at + 1));
                }
                count += 1;
            }
        }
    }
    assert!(count > 50, "only {count} sections: the tables are not read");
    report("a section that is not there", wrong);
}

/// What stands in `text` between `open` and `close` on one line, with its line; blocks of code are passed over.
fn between<'a>(text: &'a str, open: &str, close: char) -> Vec<(usize, &'a str)> {
    let mut found = Vec::new();
    let mut in_block = false;
    for (at, line) in text.lines().enumerate() {
        let fence = line.trim_start().starts_with("```");
        in_block ^= fence;
        let mut rest = if fence || in_block || line.starts_with("    ") && close == '`' {
            ""
        } else {
            line
        };
        while let Some((_, after)) = rest.split_once(open) {
            let Some((inner, behind)) = after.split_once(close) else {
                break;
            };
            found.push((at + 1, inner));
            rest = behind;
        }
    }
    found
}

/// The anchors of the headings of a document.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter_map(|line| line.strip_prefix('#'));
    let anchor = |heading: &str| {
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = heading
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

/// The directory of a file, with its slash.
fn directory(file: &str) -> &str {
    file.rfind('/').map_or("", |at| &file[..=at])
}

#[test]
fn every_relative_link_leads_somewhere() {
    let mut wrong = Vec::new();
    for file in files("").iter().filter(|file| file.ends_with(".md")) {
        let own = text(file).unwrap();
        for (line, link) in between(&own, "](", ')') {
            if link.contains("://") || link.contains(' ') {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = top().join(directory(file)).join(path);
            let there = if path.is_empty() {
                Ok(own.clone())
            } else {
                std::fs::read_to_string(&target)
            };
            let right = match there {
                Ok(text) => anchor.is_empty() || anchors(&text).contains(anchor),
                Err(_) => target.is_dir() && anchor.is_empty(),
            };
            if !right {
                wrong.push(format!("{file}:{line}: {link}"));
            }
        }
    }
    report("a link leads nowhere", wrong);
}

/// Whether what stands in back quotes names a file of this repository.
fn is_file_name(name: &str) -> bool {
    let ends = [".rs", ".py", ".sh", ".lua", ".txt", ".md", ".toml"];
    let tops = [
        "src/",
        "wal/",
        "storage/",
        "snapshot/",
        "tests/",
        "benches/",
        "docs/",
        "tools/",
    ];
    let plain = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_-./*".contains(c));
    plain
        && !name.starts_with(['/', '-', '.'])
        && (ends.iter().any(|end| name.ends_with(end))
            || tops.iter().any(|top| name.starts_with(top)))
}

/// Whether `file` is meant by `pattern`, in which a star stands for some letters of one name.
fn is_meant(pattern: &str, file: &str) -> bool {
    match pattern.split_once('*') {
        None => {
            pattern == file
                || (pattern.ends_with('/') && file.starts_with(pattern))
                || file
                    .strip_prefix(pattern)
                    .is_some_and(|rest| rest.starts_with('/'))
        }
        Some((before, after)) => file.strip_prefix(before).is_some_and(|rest| {
            let end = rest.find('/').unwrap_or(rest.len());
            (0..=end)
                .filter(|at| rest.is_char_boundary(*at))
                .any(|at| is_meant(after, &rest[at..]))
        }),
    }
}

#[test]
fn every_file_that_a_document_names_is_there() {
    let all = files("");
    let mut wrong = Vec::new();
    let documents = [
        "README.md",
        "ARCHITECTURE.md",
        "HACKING.md",
        "tests/README.md",
        "wal/README.md",
        "snapshot/README.md",
        "storage/README.md",
    ]
    .map(str::to_owned);
    let below = files("docs")
        .into_iter()
        .filter(|file| !file.starts_with("docs/reference/"));
    for document in documents
        .into_iter()
        .filter(|document| all.contains(document))
        .chain(below)
    {
        for (line, name) in between(&text(&document).unwrap(), "`", '`') {
            let beside = format!("{}{name}", directory(&document));
            // A bare name may stand in any room.
            let bare = || {
                !name.contains('/') && all.iter().any(|file| file.ends_with(&format!("/{name}")))
            };
            let there = || {
                bare()
                    || all
                        .iter()
                        .any(|file| is_meant(name, file) || is_meant(&beside, file))
            };
            if is_file_name(name) && !there() {
                wrong.push(format!("{document}:{line}: {name}"));
            }
        }
    }
    report("a document names a file that is not there", wrong);
}

/// The words of the glossary stand in the files to which they lead.
#[test]
fn every_word_of_the_glossary_is_used_where_it_leads() {
    let page = text("ARCHITECTURE.md").unwrap();
    let letters = |text: &str| -> String {
        let kept = text.chars().filter(|c| c.is_alphanumeric());
        kept.flat_map(char::to_lowercase).collect()
    };
    let table = page.lines().skip_while(|line| *line != "## Words").skip(1);
    let rows = table
        .take_while(|line| !line.starts_with("## "))
        .filter(|line| line.ends_with("` |"));
    let (mut wrong, mut count) = (Vec::new(), 0);
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let file = cells.last().unwrap().trim_matches('`');
        let there = files(file)
            .first()
            .map(|file| letters(&text(file).unwrap()));
        let used = |word: &str| {
            there
                .as_ref()
                .is_some_and(|text| text.contains(&letters(word)))
        };
        wrong.extend(
            cells[0]
                .split(", ")
                .filter(|word| !used(word))
                .map(|word| format!("{word}: {file}")),
        );
        count += 1;
    }
    assert!(count > 40, "only {count} words");
    report("a word of the glossary is not where it leads", wrong);
}

#[test]
fn what_is_wrong_is_noticed() {
    let page = "# Page\n\n## 5. Rules\n\n1. **One.** a\n2. two\n\n### 5.3 More\n\n## Loose\n\n17. **Late.** b\n| F2 | c |\n";
    let read = Document::read(page);
    assert_eq!(
        read.sections,
        ["17", "5", "5.1", "5.2", "5.3", "F2"]
            .map(str::to_owned)
            .into()
    );
    let documents = [("design", read)];
    let wrong = |text: &str| check("f", text, &documents).0;
    for right in [
        "(design 5, 5.1 and 17)",
        "/// as design\n/// 5.2 to 5.3, \"More\"",
        "design, \"Loose\"",
        "redesign 9",
        "docs/design.md 9",
        "design F2",
    ] {
        assert_eq!(wrong(right), [""; 0], "{right}");
    }
    for planted in [
        "design 6",
        "design 5.1 and 5.4",
        "// design\n// 18",
        "design 5, \"Less\"",
        "design, \"Less\"",
        "(reference 4)",
        "design: 5",
        "design F3",
    ] {
        assert_eq!(wrong(planted).len(), 1, "{planted}");
    }
    assert_eq!(wrong("a\n//! b design\n//! 6")[0], "f:2: no design 6");
    assert!(
        is_meant("tests/*/m*.rs", "tests/http/main.rs")
            && !is_meant("tests/*.rs", "tests/http/main.rs")
    );
    assert!(
        is_meant("src/http", "src/http/a.rs")
            && is_meant("src/http/", "src/http/a.rs")
            && !is_meant("src/htt", "src/http/a.rs")
    );
    assert_eq!(
        between("see `a` and `b`\n```\n`c`\n```\n", "`", '`'),
        [(1, "a"), (1, "b")]
    );
    assert_eq!(
        anchors("# A b.c, (d)\n"),
        BTreeSet::from(["a-bc-d".to_owned()])
    );
}
