//! Every combination of evidence, against the rows of `table.md` written down a second time.

use super::*;

const IDENTITIES: [IdentityState; 4] = [
    IdentityState::Missing,
    IdentityState::First,
    IdentityState::Known,
    IdentityState::Damaged,
];
const LOGS: [LogState; 5] = [
    LogState::Absent,
    LogState::Empty,
    LogState::Whole,
    LogState::Hurt,
    LogState::Contradicted,
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

fn begun(store: StoreCondition) -> bool {
    matches!(
        store,
        StoreCondition::Absent | StoreCondition::Unfinished | StoreCondition::New
    )
}

/// The letter of the row, and whether it fits.
#[rustfmt::skip]
fn rows(e: &DirectoryEvidence) -> [(char, bool); 15] {
    let first = (e.log == LogState::Empty && begun(e.store))
        || (e.log == LogState::Absent && matches!(e.store, StoreCondition::Absent | StoreCondition::Unfinished));
    [
        ('A', !e.witnessed && e.identity == IdentityState::Missing && matches!(e.log, LogState::Absent | LogState::Empty) && begun(e.store)),
        ('B', !e.witnessed && e.identity == IdentityState::First && first),
        ('C', !e.agree),
        ('D', e.store == StoreCondition::Unreadable),
        ('E', matches!(e.store, StoreCondition::Absent | StoreCondition::Unfinished)),
        ('F', e.tables != TablesState::Sound && e.copied),
        ('G', bad(e.log) && !e.alone),
        ('H', bad(e.log) && e.proven),
        ('I', e.log == LogState::Hurt && e.accepted),
        ('J', matches!(e.log, LogState::Absent | LogState::Contradicted) && e.accepted),
        ('K', bad(e.log)),
        ('L', e.log == LogState::Whole && !e.joins),
        ('M', e.tables == TablesState::Hurt),
        ('N', e.tables == TablesState::HistoryHurt),
        ('O', true),
    ]
}

fn mode(e: &DirectoryEvidence) -> StoreAction {
    match e.tables {
        TablesState::Sound => StoreAction::Open,
        TablesState::HistoryHurt => StoreAction::KeepHistory,
        TablesState::Hurt => StoreAction::ReadOnly,
    }
}

fn done(row: char, e: &DirectoryEvidence) -> StartVerdict {
    match row {
        'A' | 'B' => StartVerdict::Found,
        'C' => StartVerdict::Refuse(RefusalCase::Strangers),
        'D' => StartVerdict::Refuse(RefusalCase::StoreUnreadable),
        'E' => StartVerdict::Refuse(RefusalCase::StoreLost),
        'F' => StartVerdict::Refuse(RefusalCase::Copied),
        'G' => StartVerdict::Refuse(RefusalCase::Member),
        'H' | 'J' => StartVerdict::Start(LogAction::Replace, mode(e)),
        'I' => StartVerdict::Start(LogAction::Salvage, mode(e)),
        'K' => StartVerdict::Refuse(RefusalCase::LogLoss),
        'L' => StartVerdict::Refuse(RefusalCase::Gap),
        _ => StartVerdict::Start(LogAction::Open, mode(e)),
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
    each(|evidence| {
        let rows = rows(&evidence);
        let (row, _) = rows
            .iter()
            .find(|row| row.1)
            .expect("the last row fits all");
        assert_eq!(
            decide(evidence),
            done(*row, &evidence),
            "row {row}: {evidence:?}"
        );
        seen.insert(*row);
        count += 1;
    });
    assert_eq!(count, 4 * 5 * 5 * 3 * 128);
    assert_eq!(seen.into_iter().collect::<String>(), "ABCDEFGHIJKLMNO");
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
