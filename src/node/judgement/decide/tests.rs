//! Every combination of evidence, against the rows of `table.md`, which are read from it.

use super::*;

const TABLE: &str = include_str!("../table.md");

const IDENTITIES: [IdentityState; 4] = [
    IdentityState::Missing,
    IdentityState::First,
    IdentityState::Known,
    IdentityState::Damaged,
];
const LOGS: [LogState; 6] = [
    LogState::Absent,
    LogState::Empty,
    LogState::Whole,
    LogState::Hurt,
    LogState::Contradicted,
    LogState::Overtaken,
];
const STORES: [StoreCondition; 5] = [
    StoreCondition::Absent,
    StoreCondition::Unfinished,
    StoreCondition::New,
    StoreCondition::Written,
    StoreCondition::Unreadable,
];
const TABLES: [TablesState; 3] = [
    TablesState::Sound,
    TablesState::HistoryHurt,
    TablesState::Hurt,
];

fn bad(log: LogState) -> bool {
    matches!(
        log,
        LogState::Absent | LogState::Hurt | LogState::Contradicted
    )
}

/// One row of the table: its cells, without the spaces around them.
struct Row(Vec<&'static str>);

impl Row {
    fn letter(&self) -> &str {
        self.0[0]
    }

    fn fits(&self, e: &DirectoryEvidence) -> bool {
        let listed = |cell: usize, word: &str| {
            self.0[cell] == "any" || self.0[cell].split(", ").any(|one| one == word)
        };
        listed(1, identity_word(e.identity))
            && listed(2, log_word(e.log))
            && listed(3, store_word(e.store))
            && listed(4, tables_word(e.tables))
            && condition(self.0[5], e)
    }

    fn done(&self, e: &DirectoryEvidence) -> StartVerdict {
        match self.0[6] {
            "found" => StartVerdict::Found,
            "refuse: strangers" => StartVerdict::Refuse(RefusalCase::Strangers),
            "refuse: store unreadable" => StartVerdict::Refuse(RefusalCase::StoreUnreadable),
            "refuse: store lost" => StartVerdict::Refuse(RefusalCase::StoreLost),
            "refuse: copied" => StartVerdict::Refuse(RefusalCase::Copied),
            "refuse: log of a member lost" => StartVerdict::Refuse(RefusalCase::Member),
            "refuse: log lost" => StartVerdict::Refuse(RefusalCase::LogLoss),
            "refuse: gap" => StartVerdict::Refuse(RefusalCase::Gap),
            "replace the log" => StartVerdict::Start(LogAction::Replace, mode(e)),
            "finish the install" => StartVerdict::Start(LogAction::Finish, mode(e)),
            "salvage the log" => StartVerdict::Start(LogAction::Salvage, mode(e)),
            "open the log" => StartVerdict::Start(LogAction::Open, mode(e)),
            other => panic!("table.md: nothing is known to be done by {other:?}"),
        }
    }
}

fn identity_word(state: IdentityState) -> &'static str {
    match state {
        IdentityState::Missing => "missing",
        IdentityState::First => "format 1",
        IdentityState::Known => "whole",
        IdentityState::Damaged => "damaged",
    }
}

fn log_word(state: LogState) -> &'static str {
    match state {
        LogState::Absent => "absent",
        LogState::Empty => "empty",
        LogState::Whole => "whole",
        LogState::Hurt => "hurt",
        LogState::Contradicted => "contradicted",
        LogState::Overtaken => "overtaken",
    }
}

fn store_word(condition: StoreCondition) -> &'static str {
    match condition {
        StoreCondition::Absent => "absent",
        StoreCondition::Unfinished => "unfinished",
        StoreCondition::New => "new",
        StoreCondition::Written => "written",
        StoreCondition::Unreadable => "unreadable",
    }
}

fn tables_word(state: TablesState) -> &'static str {
    match state {
        TablesState::Sound => "sound",
        TablesState::HistoryHurt => "history hurt",
        TablesState::Hurt => "hurt",
    }
}

fn condition(word: &str, e: &DirectoryEvidence) -> bool {
    match word {
        "any" => true,
        "nothing witnessed" => !e.witnessed,
        "strangers" => !e.agree,
        "copied" => e.copied,
        "others vote" => !e.alone,
        "proven" => e.proven,
        "accepted" => e.accepted,
        "gap" => !e.joins,
        other => panic!("table.md: the condition {other:?} is not known"),
    }
}

/// The rows of seven cells below the head, in their order.
fn table() -> Vec<Row> {
    let cells = |line: &'static str| {
        let inner = line.strip_prefix('|')?.strip_suffix('|')?;
        Some(inner.split('|').map(str::trim).collect::<Vec<_>>())
    };
    let rows = TABLE.lines().filter_map(cells);
    rows.filter(|cells| cells.len() == 7 && cells[0].len() == 1)
        .map(Row)
        .collect()
}

fn mode(e: &DirectoryEvidence) -> StoreAction {
    match e.tables {
        TablesState::Sound => StoreAction::Open,
        TablesState::HistoryHurt => StoreAction::KeepHistory,
        TablesState::Hurt => StoreAction::ReadOnly,
    }
}

fn each(mut visit: impl FnMut(DirectoryEvidence)) {
    for identity in IDENTITIES {
        for log in LOGS {
            for store in STORES {
                for tables in TABLES {
                    for bits in 0..128u8 {
                        let bit = |n: u8| bits & (1 << n) != 0;
                        visit(DirectoryEvidence {
                            identity,
                            log,
                            store,
                            tables,
                            agree: bit(0),
                            alone: bit(1),
                            joins: bit(2),
                            proven: bit(3),
                            accepted: bit(4),
                            copied: bit(5),
                            witnessed: bit(6),
                        });
                    }
                }
            }
        }
    }
}

#[test]
fn every_combination_is_decided_by_the_first_row_that_fits() {
    let (mut seen, mut count) = (std::collections::BTreeSet::new(), 0);
    let table = table();
    each(|evidence| {
        let row = table.iter().find(|row| row.fits(&evidence));
        let row = row.expect("some row fits");
        assert_eq!(
            decide(evidence),
            row.done(&evidence),
            "row {}: {evidence:?}",
            row.letter()
        );
        seen.insert(row.letter().to_owned());
        count += 1;
    });
    assert_eq!(count, 4 * 6 * 5 * 3 * 128);
    assert_eq!(Vec::from_iter(seen).concat(), "ABCDEFGHIJKLMNOP");
}

/// What must never be, whatever the rows say.
#[test]
fn no_combination_merges_deletes_or_forgets() {
    each(|evidence| {
        let verdict = decide(evidence);
        let proof = evidence.proven || evidence.accepted;
        if verdict == StartVerdict::Found {
            assert!(evidence.store != StoreCondition::Written, "{evidence:?}");
            assert!(!evidence.witnessed, "{evidence:?}");
            assert!(
                matches!(evidence.log, LogState::Absent | LogState::Empty),
                "{evidence:?}"
            );
            assert!(evidence.identity != IdentityState::Known, "{evidence:?}");
        }
        if let StartVerdict::Start(log, store) = verdict {
            assert!(evidence.agree && evidence.store != StoreCondition::Unreadable);
            // Entries of a log that a witness contradicts are never applied.
            assert!(!(evidence.log == LogState::Contradicted && log != LogAction::Replace));
            assert!(!bad(evidence.log) || proof, "{evidence:?}");
            assert!(evidence.tables != TablesState::Hurt || store == StoreAction::ReadOnly);
        }
    });
}
