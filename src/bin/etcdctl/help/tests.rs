use super::*;

fn titles_of(page: &str) -> Vec<&str> {
    page.lines()
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.strip_suffix(':'))
        .collect()
}

#[test]
fn the_pages_have_the_sections_of_the_original() {
    let sections = [
        "NAME",
        "USAGE",
        "VERSION",
        "COMMANDS",
        "GLOBAL OPTIONS",
        "EXAMPLES",
        "EXIT STATUS",
    ];
    assert_eq!(titles_of(&page(&[])), sections);
    let sections = [
        "NAME",
        "USAGE",
        "DESCRIPTION",
        "ARGUMENTS",
        "OPTIONS",
        "EXAMPLES",
    ];
    assert_eq!(titles_of(&page(&["set"])), sections);
    assert_eq!(
        titles_of(&page(&["member"])),
        ["NAME", "USAGE", "COMMANDS", "OPTIONS", "EXAMPLES"]
    );
    assert_eq!(
        titles_of(&page(&["user", "list"])),
        ["NAME", "USAGE", "OPTIONS", "EXAMPLES"]
    );
}

#[test]
fn a_page_teaches_the_whole_command() {
    let expected = "\
NAME:
   etcdctl role grant - Permit a role to read or write keys

USAGE:
   etcdctl role grant [command options] <role>

DESCRIPTION:
   The path is one key, or with a star at its end every key that begins so.

ARGUMENTS:
   <role>  Name of the role

OPTIONS:
   --path <path>      Key, or with a * at the end every key that begins so
   --read             Reading alone
   --write            Writing alone
   --readwrite, --rw  Reading and writing

   The global options may stand here too; etcdctl --help lists them.

EXAMPLES:
   # everything below a directory
   etcdctl role grant --path '/config/*' --readwrite deployer
";
    assert_eq!(page(&["role", "grant"]), expected);
}

#[test]
fn usage_lines_show_what_may_be_left_out() {
    for (path, expected) in [
        (
            &[][..],
            "etcdctl [global options] command [command options] [arguments...]",
        ),
        (&["ls"], "etcdctl ls [command options] [key]"),
        (&["set"], "etcdctl set [command options] <key> [value]"),
        (&["rmdir"], "etcdctl rmdir <key>"),
        (
            &["exec-watch"],
            "etcdctl exec-watch [command options] <key> -- <command> [argument...]",
        ),
        (
            &["member"],
            "etcdctl member command [command options] [arguments...]",
        ),
        (
            &["member", "update"],
            "etcdctl member update <memberID> <peerURLs>",
        ),
        (&["user", "add"], "etcdctl user add <user[:password]>"),
        (&["completion"], "etcdctl completion <bash|zsh|fish>"),
        (&["man"], "etcdctl man [directory]"),
    ] {
        assert_eq!(
            usage(path, definition::find(&definition::program(), path)),
            expected
        );
    }
}

#[test]
fn the_program_names_every_command_option_variable_and_default() {
    let page = page(&[]);
    // Across the line breaks.
    let words = page.split_whitespace().collect::<Vec<_>>().join(" ");
    let program = definition::documented();
    for command in program.get_subcommands() {
        assert!(
            words.contains(&format!(" {} {} ", titles(command), about(command))),
            "{}",
            command.get_name()
        );
    }
    for option in program.get_opts() {
        assert!(
            words.contains(&format!(" {} {}", label(option), explanation(option))),
            "{}",
            option.get_id()
        );
    }
    for (_, variable) in definition::VARIABLES {
        assert!(words.contains(&format!("[${variable}]")), "{variable}");
    }
    for default in [
        "simple",
        "auto",
        "2s",
        "5s",
        "http://127.0.0.1:2379,http://127.0.0.1:4001",
    ] {
        assert!(
            words.contains(&format!("(default: {default})")),
            "{default}"
        );
    }
    for (code, text) in EXIT_STATUS {
        assert!(words.contains(&format!("{code} {text}")), "{code}");
    }
}

#[test]
fn no_line_is_wider_than_a_terminal() {
    let program = definition::program();
    let mut paths = definition::leaves(&program);
    paths.extend([
        vec![],
        vec!["member"],
        vec!["user"],
        vec!["role"],
        vec!["auth"],
    ]);
    for path in paths {
        for line in page(&path).lines() {
            // An example is one line to copy, however long.
            let is_example = line.trim_start().starts_with(NAME);
            assert!(
                is_example || line.chars().count() <= WIDTH,
                "{path:?}: {line}"
            );
            assert_eq!(line.trim_end(), line, "{path:?}");
        }
    }
}

#[test]
fn words_are_wrapped() {
    assert_eq!(wrapped("a bb ccc  dddd", 6), ["a bb", "ccc", "dddd"]);
    assert_eq!(wrapped("incomprehensible x", 6), ["incomprehensible", "x"]);
    assert_eq!(wrapped("", 6), [""; 0]);
}
