//! The question for a password on a terminal: unseen while it is typed, and a terminal that works whatever key ends it.

use std::os::unix::process::ExitStatusExt;

use super::run::{Etcdctl, line};
use super::support::fake::{Fake, answer as said};
use super::support::server::{self, Server};
use super::terminal::{self, Left, Streams, Terminal, show};

const SIGINT: i32 = 2;
const SIGQUIT: i32 = 3;

/// Types at the question; gives what was left.
fn answer(command: &Etcdctl, question: &str, keys: &str) -> Left {
    let mut terminal = Terminal::start(command, Streams::All);
    terminal.wait_for(question);
    assert!(
        !terminal.echoes(),
        "the password would be seen: {command:?}"
    );
    terminal.press(keys);
    let left = terminal.end();
    assert!(left.echoes, "the terminal stays silent after {keys:?}");
    left
}

/// A server that accepts everything, and the passwords it was shown.
fn passwords(keys: &str) -> Vec<String> {
    let anybody = Fake::start(|_| said(404, "{\"errorCode\":100}"));
    let command = line("--no-sync -u name get /k").at(anybody.url());
    answer(&command, "Password: ", keys);
    let shown = anybody.requests().into_iter().map(|request| {
        let header = request.header("authorization");
        header.expect("a user goes with every request").to_owned()
    });
    shown.collect()
}

/// `name:password` in the form of HTTP.
fn basic(text: &str) -> String {
    use base64::Engine;
    let engine = base64::engine::general_purpose::STANDARD;
    format!("Basic {}", engine.encode(text))
}

fn keyed() -> (Server, Etcdctl) {
    let server = server::ours().start();
    line("set /k v").at(server.url()).output();
    let get = line("-u name get /k").at(server.url());
    (server, get)
}

#[test]
fn a_password_is_asked_for_and_not_shown() {
    if !terminal::is_there() {
        return;
    }
    let (_server, get) = keyed();
    let left = answer(&get, "Password: ", "s3cret\r");
    assert_eq!(left.screen, "Password: \nv\n");
    assert!(left.status.success());
    // Keys of the line discipline work: a letter is rubbed out, a line begun anew.
    for (keys, password) in [
        ("s3cret\r", "name:s3cret"),
        ("s3crexx\x7f\x7ft\r", "name:s3cret"),
        ("wrong\x15s3cret\r", "name:s3cret"),
        ("pass word \r", "name:pass word "),
        ("\r", "name:"),
        // Ctrl-D ends the answer where it is, as it does for the original.
        ("\x04", "name:"),
        ("s3cret\x04\x04", "name:s3cret"),
        // Ctrl-Z would leave a silent terminal behind.
        ("s3\x1acret\r", "name:s3cret"),
    ] {
        assert_eq!(passwords(keys), [basic(password)], "{keys:?}");
    }
}

#[test]
fn an_interrupt_ends_the_command_and_what_called_it() {
    if !terminal::is_there() {
        return;
    }
    let (_server, get) = keyed();
    let left = answer(&get, "Password: ", "s3\x03");
    assert_eq!(left.screen, "Password: \n");
    assert_eq!(left.status.signal(), Some(SIGINT));

    // The question of a watch has Ctrl-C as well, though a watch ends by it with success.
    let watch = line("-u name watch /k").at("http://127.0.0.1:1");
    let left = answer(&watch, "Password: ", "\x03");
    assert_eq!(left.screen, "Password: \n");
    let interrupted = left.status.signal() == Some(SIGINT) || left.status.code() == Some(130);
    assert!(interrupted, "{:?}", left.status);

    // A script stops where it is, without a line of its own.
    let script = ["sh", "-c", "\"$0\" \"$@\"; echo went on"];
    let mut terminal = Terminal::start_by(&script, &get, Streams::All);
    terminal.wait_for("Password: ");
    terminal.press("\x03");
    let left = terminal.end();
    assert_eq!(left.screen, "Password: \n");
    assert_eq!(left.status.signal(), Some(SIGINT));
    assert!(left.echoes);

    // A shell that catches the interrupt goes on, sees the usual status and a terminal that works.
    let script = ["sh", "-c", "trap : INT; \"$0\" \"$@\"; echo status $?"];
    let mut terminal = Terminal::start_by(&script, &get, Streams::All);
    terminal.wait_for("Password: ");
    terminal.press("\x03");
    let left = terminal.end();
    assert_eq!(left.screen, "Password: \nstatus 130\n");
    assert!(left.echoes);

    // No core file where the test runs.
    let script = ["sh", "-c", "ulimit -c 0; exec \"$0\" \"$@\""];
    let mut terminal = Terminal::start_by(&script, &get, Streams::All);
    terminal.wait_for("Password: ");
    terminal.press("\x1c");
    let left = terminal.end();
    assert_eq!(left.screen, "Password: \n");
    assert_eq!(left.status.signal(), Some(SIGQUIT));
    assert!(left.echoes);
}

/// The question is where a reader of standard output finds it, and the answer hidden all the same.
#[test]
fn the_question_goes_to_standard_output() {
    if !terminal::is_there() {
        return;
    }
    let (_server, get) = keyed();
    let piped = get.clone().input("s3cret\n").run();
    assert_eq!(piped.stdout, "Password: \nv\n");
    assert_eq!(piped.stderr, "");
    // With standard output elsewhere nobody sees the question; standard input is still the terminal.
    let mut terminal = Terminal::start(&get, Streams::NotOut);
    super::run::until("the terminal hides what is typed", || {
        (!terminal.echoes()).then_some(())
    });
    terminal.press("s3cret\r");
    let left = terminal.end();
    assert_eq!((left.screen.as_str(), left.echoes), ("", true));
    assert!(left.status.success());
}

/// Everything after the first line belongs to the command.
#[test]
fn a_value_may_follow_the_password_on_standard_input() {
    let (server, _) = keyed();
    let set = line("-u name set /value").at(server.url());
    let ended = set.input("s3cret\nthe value\nin two lines\n").run();
    assert_eq!(ended.stdout, "Password: \nthe value\nin two lines\n\n");
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

/// The instrument itself: a terminal left silent does not go unnoticed.
#[test]
fn a_silent_terminal_is_noticed() {
    if !terminal::is_there() {
        return;
    }
    let script = ["sh", "-c", "stty -echo; echo done"];
    let left = Terminal::start_by(&script, &line("--version"), Streams::All).end();
    assert_eq!((left.screen.as_str(), left.echoes), ("done\n", false));
    assert!(show(&line("--version"), Streams::All).echoes);
}

/// What has no end must not take the machine's memory: a value, a password and certificates are read to a bound.
#[test]
fn input_without_an_end_is_refused() {
    let server = server::ours().start();
    let value = line("set /large")
        .at(server.url())
        .input(vec![b'v'; (16 << 20) + 1]);
    let ended = value.run();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(
        ended.first(),
        "Error:  the value cannot be read from standard input: it has more than 16777216 bytes, the most that is read"
    );
    let password = line("user add u")
        .at(server.url())
        .input(vec![b'p'; 1 << 20]);
    let ended = password.run();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stderr.contains("it has more than 65536 bytes"),
        "{ended:?}"
    );
    let secured = line("--ca-file /dev/zero get /a").at(server.url().replace("http:", "https:"));
    let ended = secured.run();
    assert!(
        ended.stderr.contains("it has more than 4194304 bytes"),
        "{ended:?}"
    );
    assert_ne!(ended.code, Some(0), "{ended:?}");
}
