use std::ffi::OsString;

use super::*;
use crate::parse::{Parsed, parse};

/// The words of an example as a shell would pass them on, from the name of the program to the next operator.
fn shell_words(line: &str) -> Vec<OsString> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut is_quoted = false;
    for letter in line.chars() {
        match letter {
            '\'' => {
                is_quoted = !is_quoted;
                word.get_or_insert_default();
            }
            ' ' if !is_quoted => words.extend(word.take()),
            letter => word.get_or_insert_default().push(letter),
        }
    }
    assert!(!is_quoted, "{line}");
    words.extend(word);
    let program = words
        .iter()
        .rposition(|word| word == NAME)
        .expect("an example calls the program");
    let words = words.into_iter().skip(program + 1);
    words
        .take_while(|word| !["<", ">", "|", "&&"].contains(&word.as_str()))
        .map(OsString::from)
        .collect()
}

/// The paths of all commands, groups and the program itself included.
fn pages(command: &clap::Command, path: &[String]) -> Vec<Vec<String>> {
    let mut found = vec![path.to_vec()];
    for below in command.get_subcommands() {
        found.extend(pages(
            below,
            &[path, &[below.get_name().to_owned()]].concat(),
        ));
    }
    found
}

#[test]
fn the_definition_is_sound() {
    program().debug_assert();
    documented().debug_assert();
}

#[test]
fn every_command_and_every_option_is_explained() {
    let program = program();
    for path in pages(&program, &[]) {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let command = find(&program, &names);
        assert!(command.get_about().is_some(), "{path:?}");
        for arg in command.get_arguments() {
            assert!(arg.get_help().is_some(), "{path:?} {}", arg.get_id());
        }
        assert!(!examples(&names).is_empty(), "{path:?} has no example");
    }
}

#[test]
fn every_example_can_be_run_and_shows_its_own_command() {
    let program = program();
    for path in pages(&program, &[]) {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        for example in examples(&names) {
            let words = shell_words(example.line);
            let parsed = parse(words.clone(), |_| None);
            assert!(parsed.is_ok(), "{}: {parsed:?}", example.line);
            if names != ["help"] {
                assert!(matches!(parsed, Ok(Parsed::Run(_))), "{}", example.line);
            }
            // In this order, with nothing but options before and between the names.
            let mut rest = words.iter();
            assert!(
                names.iter().all(|name| rest.any(|word| word == name)),
                "{}",
                example.line
            );
        }
    }
}

#[test]
fn every_variable_stands_in_for_an_option() {
    let program = program();
    for (id, variable) in VARIABLES {
        assert!(
            program.get_opts().any(|option| option.get_id() == id),
            "{variable}"
        );
    }
}

#[test]
fn what_people_are_shown_is_in_the_order_of_the_definition() {
    let ids = |program: clap::Command| {
        program
            .get_arguments()
            .map(|arg| arg.get_id().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(documented()), ids(program()));
}
