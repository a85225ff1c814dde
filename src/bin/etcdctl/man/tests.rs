use std::collections::BTreeSet;

use super::*;

/// The text of a page as a reader sees it: without the escapes and without the marks for bold.
fn plain(page: &ManPage) -> String {
    let text = page
        .text
        .replace("\\-", "-")
        .replace("\\fB", "")
        .replace("\\fR", "")
        .replace("\\*(Aq", "'");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn sections(page: &ManPage) -> Vec<String> {
    let titles = page
        .text
        .lines()
        .filter_map(|line| line.strip_prefix(".SH "));
    titles
        .map(|title| title.trim_matches('"').to_owned())
        .collect()
}

#[test]
fn every_command_has_a_page() {
    let program = definition::program();
    let mut expected: BTreeSet<String> = [
        "etcdctl",
        "etcdctl-member",
        "etcdctl-user",
        "etcdctl-role",
        "etcdctl-auth",
    ]
    .map(|name| format!("{name}.1"))
    .into();
    expected.extend(
        definition::leaves(&program)
            .iter()
            .map(|path| format!("etcdctl-{}.1", path.join("-"))),
    );
    let pages = all();
    let files: BTreeSet<String> = pages.iter().map(|page| page.file.clone()).collect();
    assert_eq!(files, expected);
    assert_eq!(files.len(), pages.len());
    assert!(files.contains("etcdctl-member-add.1") && files.contains("etcdctl-exec-watch.1"));
    assert_eq!(pages[0], first());
}

#[test]
fn every_page_says_how_it_ends_what_it_reads_and_how_it_is_used() {
    for page in all() {
        let sections = sections(&page);
        for section in ["NAME", "SYNOPSIS", "EXIT STATUS", "ENVIRONMENT", "EXAMPLES"] {
            assert!(
                sections.iter().any(|found| found == section),
                "{}: {section}",
                page.file
            );
        }
        let plain = plain(&page);
        for (_, variable) in definition::VARIABLES {
            assert!(plain.contains(variable), "{}: {variable}", page.file);
        }
        assert!(plain.contains(DISCOVERY_SRV_NAME), "{}", page.file);
        for (_, meaning) in EXIT_STATUS {
            assert!(plain.contains(meaning), "{}: {meaning}", page.file);
        }
    }
}

#[test]
fn a_page_lists_the_options_of_its_command() {
    let program = definition::program();
    for path in definition::leaves(&program) {
        let command = definition::find(&program, &path);
        let plain = plain(&page(&program, &path));
        for arg in command.get_opts() {
            assert!(
                plain.contains(&help::label(arg)),
                "{path:?} {}",
                arg.get_id()
            );
        }
        for example in examples(&path) {
            assert!(plain.contains(example.line), "{path:?}: {}", example.line);
        }
    }
    let first = plain(&first());
    for option in program.get_opts() {
        assert!(first.contains(&help::label(option)), "{}", option.get_id());
    }
}

#[test]
fn no_text_is_taken_for_a_request() {
    for page in all() {
        for line in page
            .text
            .lines()
            .filter(|line| line.starts_with(['.', '\'']))
        {
            let word = line[1..].split(' ').next().unwrap_or_default();
            let requests = ["TH", "SH", "TP", "PP", "ie", "el", "nh", "ds"];
            assert!(requests.contains(&word), "{}: {line}", page.file);
        }
    }
}

#[test]
fn pages_are_written_into_a_directory_that_need_not_exist() {
    let top = tempfile::tempdir().expect("a temporary directory");
    let directory = top.path().join("man/man1");
    write(&directory).expect("a new directory can be written");
    for page in all() {
        let text = fs::read_to_string(directory.join(&page.file)).expect("the page was written");
        assert_eq!(text, page.text);
    }
    let file = directory.join("etcdctl.1");
    let error = write(&file)
        .expect_err("a file is no directory")
        .to_string();
    assert!(
        error.starts_with(&format!("cannot write {}: ", file.display())),
        "{error}"
    );
}
