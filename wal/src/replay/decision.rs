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

    /// A row of the table: `None` stands for "any".
    struct Row {
        name: char,
        witness: &'static [WitnessSays],
        successor: Option<bool>,
        later: Option<bool>,
        short: Option<bool>,
        remains: Option<Remains>,
        decision: Decision,
    }

    use WitnessSays::{Beyond, Differs, Gone, Holds, Nothing};
    const OTHER: &[WitnessSays] = &[Nothing, Holds, Gone, Beyond];
    const QUIET: &[WitnessSays] = &[Nothing, Holds, Gone];

    #[rustfmt::skip]
    const TABLE: [Row; 7] = [
        Row { name: 'A', witness: &[Differs], successor: None,        later: None,        short: None,        remains: None,                   decision: Decision::Damage(Proof::Witness) },
        Row { name: 'B', witness: OTHER,      successor: Some(true),  later: None,        short: None,        remains: None,                   decision: Decision::Damage(Proof::NextSegment) },
        Row { name: 'C', witness: OTHER,      successor: Some(false), later: Some(true),  short: None,        remains: None,                   decision: Decision::Damage(Proof::LaterGroup) },
        Row { name: 'D', witness: OTHER,      successor: Some(false), later: Some(false), short: Some(true),  remains: None,                   decision: Decision::Damage(Proof::Naming) },
        Row { name: 'E', witness: &[Beyond],  successor: Some(false), later: Some(false), short: Some(false), remains: None,                   decision: Decision::Damage(Proof::Witness) },
        Row { name: 'F', witness: QUIET,      successor: Some(false), later: Some(false), short: Some(false), remains: Some(Remains::Torn),    decision: Decision::TornTail },
        Row { name: 'G', witness: QUIET,      successor: Some(false), later: Some(false), short: Some(false), remains: Some(Remains::Nothing), decision: Decision::End },
    ];

    fn matches(row: &Row, evidence: &Evidence) -> bool {
        let any_or = |wanted: Option<bool>, is: bool| wanted.is_none_or(|wanted| wanted == is);
        row.witness.contains(&evidence.witness)
            && any_or(row.successor, evidence.successor)
            && any_or(row.later, evidence.later_claim)
            && any_or(row.short, evidence.short)
            && row
                .remains
                .is_none_or(|remains| remains == evidence.remains)
    }

    #[test]
    fn every_combination_meets_exactly_one_row_and_its_decision() {
        let mut seen = String::new();
        for number in 0..80 {
            let evidence = Evidence {
                successor: number & 1 != 0,
                later_claim: number & 2 != 0,
                short: number & 4 != 0,
                remains: [Remains::Nothing, Remains::Torn][number >> 3 & 1],
                witness: [Nothing, Holds, Gone, Beyond, Differs][number >> 4],
            };
            let rows: Vec<&Row> = TABLE.iter().filter(|row| matches(row, &evidence)).collect();
            assert_eq!(rows.len(), 1, "{evidence:?}");
            assert_eq!(decide(evidence), rows[0].decision, "row {}", rows[0].name);
            seen.push(rows[0].name);
        }
        for row in &TABLE {
            assert!(seen.contains(row.name), "row {} is never met", row.name);
        }
    }
}
