//! One injection from the damaged bytes to the verdict: start, read everything, write, stop, start again.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::image::Image;
use super::injection::{Action, Injection};
use super::made::Made;
use super::model::Model;
use super::reading::{self, Reading, mistakes};
use super::start::{Started, ask, ending, start};
use super::support::http::Request;
use super::support::server::Server;
use super::table::short;
use super::verdict::{Expected, Fault, Less, Outcome, Verdict, expected, harmless, place};
use super::words::{commands, trouble};

/// The status of damage.
pub(crate) const DAMAGED: i32 = 65;

/// Up to here a segment holds no entries.
const SEGMENT_HEAD: usize = 512;

/// Runs one injection.
pub(crate) fn run(
    injection: &Injection,
    made: &Made,
    options: &BTreeSet<String>,
    kill: bool,
) -> Verdict {
    let home = tempfile::tempdir().expect("a temporary directory");
    let before = injection.apply(made);
    before.restore(home.path());
    if !matches!(injection.action, Action::Copied(_)) && injection.class != "lock file" {
        claim(home.path());
    }
    let mut case = Case {
        injection,
        made,
        options,
        home,
        before,
        faults: Vec::new(),
        accepted: false,
        serves: false,
    };
    let (outcome, log) = match start(&made.launch, case.home.path()) {
        Started::Hung(log) => {
            case.fault(Fault::Hung, "no answer and no end within 10 s".to_owned());
            case.tables_are_there();
            (Outcome::Refused, log)
        }
        Started::Ended(status, log) => {
            case.refused(status.code(), &ending(status), &log);
            (Outcome::Refused, log)
        }
        Started::Served(server) => case.served(*server, kill),
    };
    case.verdict(outcome, &log)
}

/// The damage is to happen where the directory is, and not to a copy of it: the lock file names the directory's inode.
fn claim(directory: &Path) {
    let lock = directory.join("LOCK");
    let Ok(text) = fs::read_to_string(&lock) else {
        return;
    };
    let inode = fs::metadata(directory).expect("it was just made").ino();
    let own = text.lines().map(|line| match line.split_once(' ') {
        Some(("directory", _)) => format!("directory {inode}\n"),
        _ => format!("{line}\n"),
    });
    fs::write(&lock, own.collect::<String>()).expect("a file can be written");
}

/// One damaged directory on its way to a verdict.
pub(crate) struct Case<'a> {
    pub(crate) injection: &'a Injection,
    pub(crate) made: &'a Made,
    options: &'a BTreeSet<String>,
    pub(crate) home: TempDir,
    pub(crate) before: Image,
    faults: Vec<(Fault, String)>,
    accepted: bool,
    serves: bool,
}

impl Case<'_> {
    pub(crate) fn fault(&mut self, fault: Fault, what: String) {
        self.faults.push((fault, what));
    }

    fn verdict(mut self, outcome: Outcome, log: &str) -> Verdict {
        self.faults.sort_by_key(|(fault, _)| *fault);
        let worst = self.faults.first().map(|(fault, _)| Outcome::Bad(*fault));
        let lines: Vec<&str> = log.lines().collect();
        Verdict {
            outcome: worst.unwrap_or(outcome),
            faults: self.faults,
            log: lines[lines.len().saturating_sub(6)..].join("\n"),
            accepted: self.accepted,
        }
    }

    fn refused(&mut self, code: Option<i32>, how: &str, log: &str) {
        if code != Some(DAMAGED) {
            self.fault(Fault::Refusal, format!("{how} instead of exit {DAMAGED}"));
        }
        let said = trouble(log);
        if !self.injection.named_in(&said) {
            let place = place(self.injection);
            self.fault(Fault::Refusal, format!("{place} is not named"));
        }
        if matches!(self.injection.action, Action::Copied(_)) && !said.contains("copied while") {
            self.fault(
                Fault::Refusal,
                "\"copied while running\" is not said".to_owned(),
            );
        }
        let inside = matches!(self.injection.action, Action::Bit(at, _) if at >= SEGMENT_HEAD);
        if inside && self.injection.class == "log segment" && !said.contains("entr") {
            self.fault(Fault::Refusal, "no entries are named".to_owned());
        }
        let commands = commands(&said, self.options);
        if !commands.any {
            self.fault(Fault::Refusal, "no next command".to_owned());
        }
        for unknown in commands.unknown {
            self.fault(Fault::Refusal, format!("{unknown} does not exist"));
        }
        let now = Image::take(self.home.path());
        for difference in self.before.differences(&now) {
            self.fault(Fault::Refusal, format!("changed: {difference}"));
        }
        self.tables_are_there();
        for option in commands.offered {
            self.accept(&option);
        }
    }

    /// A start with the option that a refusal offered: what is then served was a state once.
    fn accept(&mut self, option: &str) {
        self.accepted = true;
        let home = tempfile::tempdir().expect("a temporary directory");
        self.before.restore(home.path());
        claim(home.path());
        let launch = self.made.launch.clone().arg(option);
        match start(&launch, home.path()) {
            Started::Hung(_) => self.fault(Fault::Hung, format!("{option}: no answer and no end")),
            Started::Ended(status, _) if status.code() == Some(DAMAGED) => {}
            Started::Ended(status, log) => {
                let what = format!(
                    "{option}: {}: {}",
                    ending(status),
                    short(&trouble(&log), 300)
                );
                self.fault(Fault::Died, what);
            }
            Started::Served(server) => {
                let reading = reading::read(server.addr(), &self.made.model);
                if self.whose(&reading).is_none() {
                    let what = mistakes(&reading, &self.made.model).join("; ");
                    self.fault(Fault::Invented, format!("{option}: {what}"));
                }
            }
        }
    }

    /// Whose state at some index was read, if it is one of those that were.
    fn whose(&self, reading: &Reading) -> Option<&'static str> {
        let lives: [(&Model, &str); 3] = [
            (&self.made.model, "the directory's own"),
            (&self.made.older.1, "the older copy's"),
            (&self.made.twin.1, "the twin's"),
        ];
        let matching = |(model, _): &&(&Model, &str)| {
            reading.index <= model.last && mistakes(reading, model).is_empty()
        };
        lives.iter().find(matching).map(|(_, name)| *name)
    }

    fn tables_are_there(&mut self) {
        let now = Image::take(self.home.path());
        // A node that serves merges sound tables into new ones, and the MANIFEST says so; a hurt one is never read for
        // that, and stays.
        let named = super::tables::named(&now).filter(|_| self.serves);
        let merged = |path: &PathBuf| {
            *path != self.injection.file
                && named.as_ref().is_some_and(|named| !named.contains(path))
        };
        let gone: Vec<String> = self
            .before
            .tables()
            .filter(|path| !now.0.contains_key(*path) && !self.made.unnamed.contains(*path))
            .filter(|path| !merged(path))
            .map(|path| path.display().to_string())
            .collect();
        if !gone.is_empty() {
            let what = format!("{} tables are gone: {}", gone.len(), gone.join(" "));
            self.fault(Fault::Deleted, what);
        }
    }

    fn served(&mut self, mut server: Server, kill: bool) -> (Outcome, String) {
        let expected = expected(self.injection, self.made);
        let reading = reading::read(server.addr(), expected.model);
        self.ended_by_itself(&mut server, "while it was read");
        let told = self.told(&server);
        let mut outcome = self.judge(&reading, &expected, told);
        if self.faults.is_empty() && server.pid().is_some() {
            let written = self.write(&mut server, expected.model, reading.index);
            if !written.refused.is_empty() {
                self.check_causes(&written.refused);
                outcome = Outcome::Damaged;
            }
            if outcome == Outcome::Damaged {
                self.serves = true;
                self.tables_are_there();
            }
            self.stop(&mut server, kill, &outcome);
            self.once_more(&written.acked, &outcome);
        }
        server.kill();
        (outcome, server.log())
    }

    /// Whether anybody who looks learns of the damage: a warning, a metric, or `/health`.
    fn told(&self, server: &Server) -> bool {
        let text = |target: &str| {
            ask(server.addr(), &Request::get(target))
                .map(|answer| answer.text())
                .unwrap_or_default()
        };
        let said = trouble(&server.log());
        let named = said.lines().any(|line| {
            let whole = matches!(self.injection.action, Action::Parts(..));
            let named = self.injection.named_in(line)
                || (whole && (line.contains("the log ") || line.contains("the store ")));
            (line.contains(" WARN ") || line.contains(" ERROR ")) && named
        });
        named || text("/health").contains("false") || self.injection.named_in(&text("/metrics"))
    }

    fn judge(&mut self, reading: &Reading, expected: &Expected<'_>, told: bool) -> Outcome {
        for fault in &reading.faults {
            self.fault(Fault::Served, fault.clone());
        }
        self.check_causes(&reading.refused);
        let wrong = mistakes(reading, expected.model);
        let unknown = reading.index > expected.model.last;
        if !wrong.is_empty() || unknown {
            match self.whose(reading) {
                Some(whose) => self.fault(Fault::Lost, format!("what is served is {whose}")),
                None => self.fault(Fault::Invented, wrong.join("; ")),
            }
            return Outcome::Right;
        }
        let only_refused = reading.tree.is_none() && reading.index == 0;
        if reading.index < expected.acked && !only_refused {
            return self.less(reading.index, expected, told);
        }
        if !reading.refused.is_empty() || !reading.faults.is_empty() || reading.cut {
            if !told {
                let what = "reads fail, and neither log nor /metrics nor /health tells why";
                self.fault(Fault::Silent, what.to_owned());
            }
            return Outcome::Damaged;
        }
        match harmless(self.injection, self.made) {
            _ if told => Outcome::Right,
            Some(reason) => Outcome::Harmless(reason),
            None => {
                self.fault(Fault::Silent, "served right, and nobody is told".to_owned());
                Outcome::Right
            }
        }
    }

    fn less(&mut self, index: u64, expected: &Expected<'_>, told: bool) -> Outcome {
        match expected.less {
            Some((least, Less::Torn)) if index >= least => {
                if !told {
                    let what = "a torn tail was cut, and no warning tells it";
                    self.fault(Fault::Silent, what.to_owned());
                }
                Outcome::TornTail
            }
            Some((least, Less::Unknowable(why))) if index >= least => Outcome::Undecidable(why),
            _ => {
                let word = if told { "told" } else { "nobody is told" };
                let what = format!("index {index} of {} is served ({word})", expected.acked);
                self.fault(Fault::Lost, what);
                Outcome::Right
            }
        }
    }

    /// What is refused names the file.
    pub(crate) fn check_causes(&mut self, refused: &[(String, String)]) {
        let unnamed = refused
            .iter()
            .find(|(_, cause)| !self.injection.named_in(cause));
        if let Some((what, cause)) = unnamed {
            let place = place(self.injection);
            self.fault(
                Fault::Served,
                format!("{what}: {cause:?} does not name {place}"),
            );
        }
    }

    /// A process that ended is a fault of its own, whatever its connections said.
    pub(crate) fn ended_by_itself(&mut self, server: &mut Server, when: &str) {
        if server.pid().is_some()
            && let Some(status) = server.poll_exit()
        {
            self.fault(Fault::Died, format!("{} {when}", ending(status)));
        }
    }
}
