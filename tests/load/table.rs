//! The table: one row for each load on each server.

use std::time::Duration;

use super::findings::Findings;
use super::memory::mib;
use super::others::Met;
use super::process::Figures;
use super::support::server::Kind;

/// One load on one server.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) size: String,
    pub(crate) kind: Kind,
    pub(crate) took: Duration,
    pub(crate) before: Figures,
    pub(crate) peak: Figures,
    /// Some seconds after the load ended.
    pub(crate) after: Figures,
    pub(crate) calm: Met,
    pub(crate) loaded: Met,
    pub(crate) findings: Findings,
}

impl Row {
    pub(crate) fn new(name: &'static str, size: String, kind: Kind) -> Row {
        Row {
            name,
            size,
            kind,
            took: Duration::ZERO,
            before: Figures::default(),
            peak: Figures::default(),
            after: Figures::default(),
            calm: Met::default(),
            loaded: Met::default(),
            findings: Findings::default(),
        }
    }

    fn server(&self) -> &'static str {
        match self.kind {
            Kind::Ours => "ours",
            Kind::Debian => "Debian's",
        }
    }

    fn line(&self) -> String {
        let Row {
            before,
            peak,
            after,
            calm,
            loaded,
            ..
        } = self;
        let cells = [
            format!("{}: {}", self.name, self.size),
            self.server().to_owned(),
            format!(
                "{} / {} / {}",
                mib(before.resident),
                mib(peak.resident),
                mib(after.resident)
            ),
            format!(
                "{} / {} / {}",
                before.descriptors, peak.descriptors, after.descriptors
            ),
            format!("{} / {}", before.threads, peak.threads),
            format!("{} → {}", calm.puts.show(), loaded.puts.show()),
            format!("{} → {}", calm.gets.show(), loaded.gets.show()),
            loaded.failed.to_string(),
        ];
        format!("| {} |", cells.join(" | "))
    }

    fn words(&self) -> Vec<String> {
        let broken = self.findings.broken().into_iter();
        // Debian's server has promised nothing of the kind.
        let mark = match self.kind {
            Kind::Ours => "NOT KEPT: ",
            Kind::Debian => "",
        };
        let broken = broken.map(|broken| format!("{mark}{broken}"));
        self.findings
            .remarks()
            .into_iter()
            .chain(broken)
            .map(|words| format!("- {}, {}: {words}", self.name, self.server()))
            .collect()
    }
}

const HEAD: &str = "\
| load | server | resident, MiB: before / peak / after | descriptors: before / peak / after | threads: before / peak | PUT of others, ms: p50 / p99 calm → loaded | GET of others, ms | failed |
|---|---|---:|---:|---:|---:|---:|---:|";

/// The table, and below it what has no column.
pub(crate) fn report(rows: &[Row]) -> String {
    let lines: Vec<String> = rows.iter().map(Row::line).collect();
    let words: Vec<String> = rows.iter().flat_map(Row::words).collect();
    format!("{HEAD}\n{}\n\n{}", lines.join("\n"), words.join("\n"))
}

/// One line while the run goes on.
pub(crate) fn progress(row: &Row, elapsed: Duration) -> String {
    let broken = match row.findings.broken().len() {
        0 => String::new(),
        broken if row.kind == Kind::Ours => format!(", {broken} limits not kept"),
        _ => ", beyond ours".to_owned(),
    };
    format!(
        "{elapsed:>6.0?} {}, {}: {:.1?}{broken}",
        row.name,
        row.server(),
        row.took
    )
}
