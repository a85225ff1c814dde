//! Torn tail or damage: the decision as a table. Guarantees one answer for each combination of evidence.
//!
#![doc = include_str!("table.md")]

use crate::damage::Proof;

/// What the witness says about the place where reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WitnessSays {
    Nothing,
    Holds,
    /// Its segment was released, or was part of a log that was started again.
    Gone,
    Beyond,
    Differs,
}

/// What is left after the last valid group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remains {
    Nothing,
    Torn,
}

/// All that is known where reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Evidence {
    pub(crate) successor: bool,
    pub(crate) later_claim: bool,
    /// The file has fewer bytes than its header says.
    pub(crate) short: bool,
    pub(crate) witness: WitnessSays,
    pub(crate) remains: Remains,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    End,
    TornTail,
    Damage(Proof),
}

pub(crate) fn decide(evidence: Evidence) -> Decision {
    match evidence {
        // First: a log of another history is not the store's, whatever else is wrong with it.
        Evidence {
            witness: WitnessSays::Differs,
            ..
        } => Decision::Damage(Proof::Witness),
        Evidence {
            successor: true, ..
        } => Decision::Damage(Proof::NextSegment),
        Evidence {
            later_claim: true, ..
        } => Decision::Damage(Proof::LaterGroup),
        Evidence { short: true, .. } => Decision::Damage(Proof::Naming),
        Evidence {
            witness: WitnessSays::Beyond,
            ..
        } => Decision::Damage(Proof::Witness),
        Evidence {
            remains: Remains::Torn,
            ..
        } => Decision::TornTail,
        Evidence {
            remains: Remains::Nothing,
            ..
        } => Decision::End,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use WitnessSays::{Beyond, Differs, Gone, Holds, Nothing};

    /// The rows of `table.md`, as their words say them; `None` stands for "any".
    struct Row {
        name: &'static str,
        witness: &'static [WitnessSays],
        /// Successor, later claim, short file.
        facts: [Option<bool>; 3],
        remains: Option<Remains>,
        decision: &'static str,
    }

    fn table() -> Vec<Row> {
        let lines = include_str!("table.md").lines();
        let rows = lines.filter(|line| line.starts_with("| ")).skip(2);
        rows.map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [name, witness, successor, later, short, remains, decision] = cells[..] else {
                panic!("no row of seven cells: {line}");
            };
            Row {
                name,
                witness: match witness {
                    "differs" => &[Differs],
                    "any other" => &[Nothing, Holds, Gone, Beyond],
                    "beyond `o`" => &[Beyond],
                    "absent, held, or gone" => &[Nothing, Holds, Gone],
                    other => panic!("no witness says {other:?}"),
                },
                facts: [successor, later, short].map(|cell| match cell {
                    "any" => None,
                    "yes" => Some(true),
                    "no" => Some(false),
                    other => panic!("no fact is {other:?}"),
                }),
                remains: match remains {
                    "any" => None,
                    "a torn write" => Some(Remains::Torn),
                    "zeros, end of file, or stale bytes" => Some(Remains::Nothing),
                    other => panic!("nothing remains as {other:?}"),
                },
                decision,
            }
        })
        .collect()
    }

    fn matches(row: &Row, evidence: &Evidence) -> bool {
        let found = [evidence.successor, evidence.later_claim, evidence.short];
        let mut facts = row.facts.iter().zip(found);
        row.witness.contains(&evidence.witness)
            && facts.all(|(wanted, is)| wanted.is_none_or(|wanted| wanted == is))
            && row.remains.is_none_or(|wanted| wanted == evidence.remains)
    }

    /// The words of the table for a decision.
    fn words(decision: Decision) -> &'static [&'static str] {
        match decision {
            Decision::Damage(Proof::Witness) => &[
                "damage: the log has another history than the one the store saw",
                "damage: the store saw it synced",
            ],
            Decision::Damage(Proof::NextSegment) => {
                &["damage: the next segment is begun only after this one is synced"]
            }
            Decision::Damage(Proof::LaterGroup) => {
                &["damage: what a group claims was synced before it was written"]
            }
            Decision::Damage(Proof::Naming) => {
                &["damage: the file had its length before it had its name"]
            }
            Decision::TornTail => &["torn tail, dropped: nothing proves that it was ever synced"],
            Decision::End => &["end: the log ends here"],
            Decision::Damage(other) => panic!("the table has no {other:?}"),
        }
    }

    #[test]
    fn every_combination_meets_exactly_one_row_and_its_decision() {
        let table = table();
        assert_eq!(table.len(), 7);
        let mut seen = String::new();
        for number in 0..80 {
            let evidence = Evidence {
                successor: number & 1 != 0,
                later_claim: number & 2 != 0,
                short: number & 4 != 0,
                remains: [Remains::Nothing, Remains::Torn][number >> 3 & 1],
                witness: [Nothing, Holds, Gone, Beyond, Differs][number >> 4],
            };
            let rows: Vec<&Row> = table.iter().filter(|row| matches(row, &evidence)).collect();
            assert_eq!(rows.len(), 1, "{evidence:?}");
            let words = words(decide(evidence));
            assert!(
                words.contains(&rows[0].decision),
                "row {}: {words:?}",
                rows[0].name
            );
            seen.push_str(rows[0].name);
        }
        for row in &table {
            assert!(seen.contains(row.name), "row {} is never met", row.name);
        }
    }
}
