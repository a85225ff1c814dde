//! Every combination of evidence, against the rows of `table.md` written down a second time.

use super::*;

const IDENTITIES: [Identity; 4] = [
    Identity::Missing,
    Identity::First,
    Identity::Known,
    Identity::Damaged,
];
const LOGS: [Log; 5] = [
    Log::Absent,
    Log::Empty,
    Log::Whole,
    Log::Hurt,
    Log::Contradicted,
];
const STORES: [Store; 5] = [
    Store::Absent,
    Store::Unfinished,
    Store::New,
    Store::Written,
    Store::Unreadable,
];
const TABLES: [Tables; 3] = [Tables::Sound, Tables::HistoryHurt, Tables::Hurt];

fn bad(log: Log) -> bool {
    matches!(log, Log::Absent | Log::Hurt | Log::Contradicted)
}

fn begun(store: Store) -> bool {
    matches!(store, Store::Absent | Store::Unfinished | Store::New)
}

/// The letter of the row, and whether it fits.
#[rustfmt::skip]
fn rows(e: &Evidence) -> [(char, bool); 15] {
    let first = (e.log == Log::Empty && begun(e.store))
        || (e.log == Log::Absent && matches!(e.store, Store::Absent | Store::Unfinished));
    [
        ('A', !e.witnessed && e.identity == Identity::Missing && matches!(e.log, Log::Absent | Log::Empty) && begun(e.store)),
        ('B', !e.witnessed && e.identity == Identity::First && first),
        ('C', !e.agree),
        ('D', e.store == Store::Unreadable),
        ('E', matches!(e.store, Store::Absent | Store::Unfinished)),
        ('F', e.tables != Tables::Sound && e.copied),
        ('G', bad(e.log) && !e.alone),
        ('H', bad(e.log) && e.proven),
        ('I', e.log == Log::Hurt && e.accepted),
        ('J', matches!(e.log, Log::Absent | Log::Contradicted) && e.accepted),
        ('K', bad(e.log)),
        ('L', e.log == Log::Whole && !e.joins),
        ('M', e.tables == Tables::Hurt),
        ('N', e.tables == Tables::HistoryHurt),
        ('O', true),
    ]
}

fn mode(e: &Evidence) -> StoreAction {
    match e.tables {
        Tables::Sound => StoreAction::Open,
        Tables::HistoryHurt => StoreAction::KeepHistory,
        Tables::Hurt => StoreAction::ReadOnly,
    }
}

fn done(row: char, e: &Evidence) -> Verdict {
    match row {
        'A' | 'B' => Verdict::Found,
        'C' => Verdict::Refuse(Refusal::Strangers),
        'D' => Verdict::Refuse(Refusal::StoreUnreadable),
        'E' => Verdict::Refuse(Refusal::StoreLost),
        'F' => Verdict::Refuse(Refusal::Copied),
        'G' => Verdict::Refuse(Refusal::Member),
        'H' | 'J' => Verdict::Start(LogAction::Replace, mode(e)),
        'I' => Verdict::Start(LogAction::Salvage, mode(e)),
        'K' => Verdict::Refuse(Refusal::LogLoss),
        'L' => Verdict::Refuse(Refusal::Gap),
        _ => Verdict::Start(LogAction::Open, mode(e)),
    }
}

fn each(mut visit: impl FnMut(Evidence)) {
    for identity in IDENTITIES {
        for log in LOGS {
            for store in STORES {
                for tables in TABLES {
                    for bits in 0..128u8 {
                        let bit = |n: u8| bits & (1 << n) != 0;
                        visit(Evidence {
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
        if verdict == Verdict::Found {
            assert!(evidence.store != Store::Written, "{evidence:?}");
            assert!(!evidence.witnessed, "{evidence:?}");
            assert!(
                matches!(evidence.log, Log::Absent | Log::Empty),
                "{evidence:?}"
            );
            assert!(evidence.identity != Identity::Known, "{evidence:?}");
        }
        if let Verdict::Start(log, store) = verdict {
            assert!(evidence.agree && evidence.store != Store::Unreadable);
            // Entries of a log that a witness contradicts are never applied.
            assert!(!(evidence.log == Log::Contradicted && log != LogAction::Replace));
            assert!(!bad(evidence.log) || proof, "{evidence:?}");
            assert!(evidence.tables != Tables::Hurt || store == StoreAction::ReadOnly);
        }
    });
}
