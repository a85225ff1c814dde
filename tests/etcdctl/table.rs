//! The same command lines, given to Debian's client and to ours, each against its own of two twin servers that see the
//! same requests in the same order: what a script can see must be equal, or be what the reference decided.
//!
//! The lines are in `table/*.txt`, in the notation of `notation.rs`; each file is run against fresh twins, once of
//! Debian's etcd and once of this repository's server. The shell of a line knows
//!
//! | variable | is |
//! |---|---|
//! | `$URL`, `$PEER`, `$ID` | the server's addresses and member id; `ETCDCTL_ENDPOINTS` is `$URL` |
//! | `$BASE`, `$NOW` | the last index before the file's first line, and before this one |
//! | `$DEAD`, `$CANNED`, … | what `surroundings.rs` offers besides |
//!
//! and the function `first` of `side.rs`. After every line both servers must be at the same index.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use super::compare::{Verdict, judge};
use super::notation::{Line, parse};
use super::side::{Ending, Side, Variable};
use super::support::client::{self, Client};
use super::support::server::{self, Kind, Launch};
use super::support::{absent, place};
use super::surroundings::Surroundings;

/// Files that are run at once: more would only make each other's answers late.
const WIDTH: usize = 2;

/// Lines of each output that a failure shows.
const SHOWN: usize = 16;

/// The kinds of server take turns.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn table_against_debian_servers() {
    run(Kind::Debian);
}

#[test]
fn table_against_our_servers() {
    run(Kind::Ours);
}

/// The counts and differences of some files.
#[derive(Default)]
struct Tally {
    equal: usize,
    chosen: usize,
    differences: Vec<String>,
}

fn run(kind: Kind) {
    let _turn = TURN
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let work = Mutex::new(files());
    let tally = Mutex::new(Tally::default());
    thread::scope(|scope| {
        for _ in 0..WIDTH {
            scope.spawn(|| {
                loop {
                    let next = work.lock().expect("no holder panics").pop_front();
                    let Some(path) = next else { return };
                    let mut found = file(kind, &path);
                    let mut sum = tally.lock().expect("no holder panics");
                    sum.equal += found.equal;
                    sum.chosen += found.chosen;
                    sum.differences.append(&mut found.differences);
                }
            });
        }
    });
    let Tally {
        equal,
        chosen,
        differences,
    } = tally.into_inner().expect("no holder panicked");
    let lines = equal + chosen + differences.len();
    println!("{kind:?} servers: {lines} lines compared, {equal} equal, {chosen} chosen");
    assert!(equal > 0, "the table is empty");
    assert!(
        differences.is_empty(),
        "{} of {lines} lines differ against {kind:?} servers:\n\n{}",
        differences.len(),
        differences.join("\n")
    );
}

/// The files of the table, those of `TABLE` (a comma-separated list of names) when it is set.
fn files() -> VecDeque<PathBuf> {
    let chosen = std::env::var("TABLE").ok();
    let wanted = |path: &Path| match (&chosen, path.file_stem().and_then(|name| name.to_str())) {
        (Some(names), Some(stem)) => names.split(',').any(|name| name == stem),
        _ => true,
    };
    let directory = place::file("tests/etcdctl/table");
    let mut files: Vec<PathBuf> = fs::read_dir(&directory)
        .expect("the table is part of the repository")
        .map(|entry| entry.expect("its directory can be read").path())
        .filter(|path| wanted(path))
        .collect();
    files.sort();
    files.into()
}

/// Runs one file against fresh twins.
fn file(kind: Kind, path: &Path) -> Tally {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let text = fs::read_to_string(path).expect("the table is text");
    let lines = parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let local = !text.contains("localhost") || absent::has_localhost();
    let wanted = |line: &&Line| {
        line.terms.only.is_none_or(|only| only == kind)
            && (local || !line.command.contains("localhost"))
    };
    let lines: Vec<&Line> = lines.iter().filter(wanted).collect();
    let mut tally = Tally::default();
    if lines.is_empty() {
        return tally;
    }
    let surroundings = Surroundings::new();
    let variables = surroundings.variables();
    let under_test = under_test();
    let same = under_test.program() == client::debian().program();
    let launch = match kind {
        Kind::Debian => server::debian()
            .arg("--heartbeat-interval=20")
            .arg("--election-timeout=100"),
        Kind::Ours => server::ours().arg("--retention-events=1000"),
    };
    let sides = sides([client::debian(), under_test], &launch, &variables);
    for line in lines {
        match one(line, &sides, same) {
            Ok(Verdict::Equal) => tally.equal += 1,
            Ok(Verdict::Chosen) => tally.chosen += 1,
            Err(why) => {
                let place = format!("tests/etcdctl/table/{name}:{}", line.number);
                tally
                    .differences
                    .push(format!("{place}: $ {}\n{why}", line.command));
            }
        }
    }
    tally
}

/// The client that takes the place of ours.
fn under_test() -> Client {
    match std::env::var_os("ETCDCTL_UNDER_TEST") {
        Some(program) => Client::new(Path::new(&program)),
        None => client::ours(),
    }
}

fn sides(clients: [Client; 2], launch: &Launch, variables: &[Variable]) -> [Side; 2] {
    // Started together: each waits for an election.
    let mut servers = [launch.clone().spawn(), launch.clone().spawn()];
    for server in &mut servers {
        if let Err(why) = server.wait_ready() {
            panic!("{why}\n{}", server.log_tail());
        }
    }
    let [first, second] = servers;
    let [reference, ours] = clients;
    [
        Side::new(reference, first, variables),
        Side::new(ours, second, variables),
    ]
}

/// Runs one line on both sides and compares.
fn one(line: &Line, sides: &[Side; 2], same: bool) -> Result<Verdict, String> {
    let [reference, ours] = sides;
    let endings = thread::scope(|scope| {
        let other = scope.spawn(|| reference.run(&line.command));
        let ours = ours.run(&line.command);
        [other.join().expect("running a line does not panic"), ours]
    });
    let verdict = judge(
        &line.terms,
        line.choice.as_ref(),
        [reference, ours],
        [&endings[0], &endings[1]],
        same,
    );
    let steady = line.choice.as_ref().is_none_or(|choice| choice.steady);
    let differs = line.terms.index_differs && !same;
    let aligned = align(sides, if steady { Some(differs) } else { None });
    let verdict = verdict.and_then(|verdict| aligned.map(|()| verdict));
    verdict.map_err(|why| {
        let [reference, ours] = endings.map(|ending| show(&ending));
        format!("{why}\n--- the reference\n{reference}--- ours\n{ours}")
    })
}

/// Brings both servers to the same index, so that the next lines can be compared in any case. `differs` says whether
/// they must be apart before, if that is known.
fn align(sides: &[Side; 2], differs: Option<bool>) -> Result<(), String> {
    let [Some(first), Some(second)] = [sides[0].index(), sides[1].index()] else {
        return Ok(());
    };
    let last = first.max(second);
    sides[0].pad(last);
    sides[1].pad(last);
    match (first == second, differs) {
        (true, Some(true)) => Err("the index is the same: that term is not needed".to_owned()),
        (false, Some(false)) => Err(format!(
            "the reference's server is at index {first}, ours at {second}"
        )),
        _ => Ok(()),
    }
}

fn show(ending: &Ending) -> String {
    let Ending {
        stdout,
        stderr,
        code,
    } = ending;
    let code = code.map_or("none".to_owned(), |code| code.to_string());
    let start = |text: &str| {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        match lines.len().checked_sub(SHOWN) {
            None | Some(0) => text.to_owned(),
            Some(more) => format!("{}… {more} lines more\n", lines[..SHOWN].concat()),
        }
    };
    let line_end = |text: &str| {
        if text.is_empty() || text.ends_with('\n') {
            ""
        } else {
            "⏎\n"
        }
    };
    format!(
        "exit code {code}, output\n{}{}errors\n{}{}",
        start(stdout),
        line_end(stdout),
        start(stderr),
        line_end(stderr)
    )
}
