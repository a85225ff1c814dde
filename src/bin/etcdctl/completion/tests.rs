use std::path::Path;
use std::process::Command as Process;

use super::*;

fn text(shell: Shell) -> String {
    String::from_utf8(script(shell)).expect("a script is text")
}

/// What a real bash offers for the last of `words`, sorted.
fn offered(words: &[&str]) -> Vec<String> {
    // Called as bash itself calls it: the program, the word to complete, the word before it.
    let driver = r#"
        source /dev/stdin
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        _etcdctl etcdctl "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("etcdctl.bash");
    std::fs::write(&file, script(Shell::Bash)).expect("the script can be written");
    let output = Process::new("bash")
        .args(["--norc", "--noprofile", "-c", driver, "bash"])
        .args(words)
        .stdin(std::fs::File::open(&file).expect("the script can be read"))
        .current_dir(directory.path())
        .output()
        .expect("bash runs");
    assert!(output.status.success(), "{words:?}: {output:?}");
    assert!(output.stderr.is_empty(), "{words:?}: {output:?}");
    let text = String::from_utf8(output.stdout).expect("bash prints text");
    let mut offered: Vec<String> = text
        .lines()
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect();
    offered.sort();
    offered
}

#[test]
fn bash_completes_commands() {
    assert_eq!(offered(&["etcdctl", "up"]), ["update", "updatedir"]);
    assert_eq!(offered(&["etcdctl", "--debug", "clu"]), ["cluster-health"]);
    assert_eq!(
        offered(&["etcdctl", "-o", "json", "member", "r"]),
        ["remove", "replace"]
    );
    assert_eq!(offered(&["etcdctl", "help", "ro"]), ["role"]);
    assert_eq!(
        offered(&["etcdctl", "help", "role", "re"]),
        ["remove", "revoke"]
    );
    assert_eq!(offered(&["etcdctl", "completion", "z"]), ["zsh"]);
    let commands = offered(&["etcdctl", ""]);
    for command in definition::commands().get_subcommands() {
        assert!(
            commands.iter().any(|offered| offered == command.get_name()),
            "{}",
            command.get_name()
        );
    }
}

#[test]
fn bash_completes_options_of_the_command_and_of_the_program_behind_it() {
    assert_eq!(
        offered(&["etcdctl", "set", "--swap"]),
        ["--swap-with-index", "--swap-with-value"]
    );
    assert_eq!(offered(&["etcdctl", "set", "/k", "v", "--tt"]), ["--ttl"]);
    assert_eq!(
        offered(&["etcdctl", "role", "grant", "--r"]),
        ["--read", "--readwrite", "--rw"]
    );
    for before in [
        &["etcdctl"][..],
        &["etcdctl", "get"],
        &["etcdctl", "member", "list"],
        &["etcdctl", "get", "/k"],
    ] {
        let options = offered(&[before, &["--endp"]].concat());
        assert_eq!(options, ["--endpoint", "--endpoints"], "{before:?}");
        assert!(
            offered(&[before, &["-"]].concat()).contains(&"--help".to_owned()),
            "{before:?}"
        );
    }
    assert_eq!(offered(&["etcdctl", "--vers"]), ["--version"]);
    assert_eq!(offered(&["etcdctl", "ls", "--vers"]), [""; 0]);
}

#[test]
fn bash_completes_values() {
    assert_eq!(offered(&["etcdctl", "--output", "e"]), ["extended"]);
    assert_eq!(
        offered(&["etcdctl", "get", "/k", "-o", ""]),
        ["extended", "json", "simple"]
    );
    assert_eq!(
        offered(&["etcdctl", "ls", "--color", "a"]),
        ["always", "auto"]
    );
    // --quorum takes no word for its value, so options follow it.
    assert_eq!(offered(&["etcdctl", "get", "--quorum", "--so"]), ["--sort"]);
}

/// Runs `shell` over the script when it is installed.
fn checked(shell: &str, text: &str) {
    let installed = ["/bin", "/usr/bin", "/usr/local/bin"]
        .iter()
        .any(|bin| Path::new(bin).join(shell).exists());
    if installed {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), text).expect("the script can be written");
        let output = Process::new(shell)
            .arg("-n")
            .arg(file.path())
            .output()
            .expect("the shell runs");
        assert!(output.status.success(), "{output:?}");
    }
}

#[test]
fn every_shell_learns_every_command_and_option() {
    for (shell, name) in [
        (Shell::Bash, "bash"),
        (Shell::Zsh, "zsh"),
        (Shell::Fish, "fish"),
    ] {
        let text = text(shell);
        checked(name, &text);
        let program = definition::program();
        for path in definition::leaves(&program) {
            let command = definition::find(&program, &path);
            assert!(text.contains(command.get_name()), "{name}: {path:?}");
            for long in command
                .get_opts()
                .chain(program.get_opts())
                .filter_map(Arg::get_long)
            {
                let written = if shell == Shell::Fish {
                    format!("-l {long}")
                } else {
                    format!("--{long}")
                };
                assert!(text.contains(&written), "{name}: {path:?} {long}");
            }
        }
    }
}

#[test]
fn each_script_speaks_to_its_shell() {
    assert!(text(Shell::Bash).contains("complete -F _etcdctl"));
    assert!(text(Shell::Zsh).starts_with("#compdef etcdctl\n"));
    assert!(text(Shell::Fish).contains("complete -c etcdctl"));
    // A switch that zsh took for an option with a value would swallow the key behind it.
    assert!(text(Shell::Zsh).contains("'--quorum["));
}
