//! A value typed at the terminal: everything up to Ctrl-D, seen while it is typed.

use super::run::line;
use super::support::server;
use super::terminal::{Streams, Terminal};

#[test]
fn a_value_is_typed_up_to_ctrl_d() {
    let server = server::ours().start();
    let set = line("--debug set /typed").at(server.url());
    let mut terminal = Terminal::start(&set, Streams::All);
    // The cluster has been reached: nobody types a value for nothing.
    terminal.wait_for("Cluster-Endpoints: ");
    assert!(terminal.echoes());
    terminal.press("first\rsecond\r\x04");
    let left = terminal.end();
    assert!(left.status.success() && left.echoes, "{left:?}");
    assert!(left.screen.contains("first\nsecond\n"), "{left:?}");
    let get = line("get /typed").at(server.url());
    assert_eq!(get.output(), "first\nsecond\n\n");
    // Ctrl-D at once is no value.
    let mut terminal = Terminal::start(&set, Streams::All);
    terminal.wait_for("Cluster-Endpoints: ");
    terminal.press("\x04");
    let left = terminal.end();
    assert!(
        left.screen.ends_with("Error:  value required\n"),
        "{left:?}"
    );
    assert_eq!(left.status.code(), Some(1));
    assert_eq!(get.output(), "first\nsecond\n\n");
}
