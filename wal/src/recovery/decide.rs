//! Torn tail or damage: the decision as a table. Guarantees one answer for each combination of evidence.
//!
#![doc = include_str!("table.md")]

use crate::error::Proof;

/// What the witness says about the place where reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WitnessSays {
    Nothing,
    Holds,
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
    pub(crate) witness: WitnessSays,
    pub(crate) remains: Remains,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    End,
    Cut,
    Damage(Proof),
}

pub(crate) fn decide(evidence: Evidence) -> Decision {
    match evidence {
        Evidence {
            successor: true, ..
        } => Decision::Damage(Proof::NextSegment),
        Evidence {
            later_claim: true, ..
        } => Decision::Damage(Proof::LaterGroup),
        Evidence {
            witness: WitnessSays::Differs | WitnessSays::Beyond,
            ..
        } => Decision::Damage(Proof::Witness),
        Evidence {
            remains: Remains::Torn,
            ..
        } => Decision::Cut,
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
        successor: bool,
        later: Option<bool>,
        witness: Option<&'static [WitnessSays]>,
        remains: Option<Remains>,
        decision: Decision,
    }

    const QUIET: &[WitnessSays] = &[WitnessSays::Nothing, WitnessSays::Holds];

    #[rustfmt::skip]
    const TABLE: [Row; 6] = [
        Row { name: 'A', successor: true,  later: None,        witness: None,                           remains: None,                   decision: Decision::Damage(Proof::NextSegment) },
        Row { name: 'B', successor: false, later: Some(true),  witness: None,                           remains: None,                   decision: Decision::Damage(Proof::LaterGroup) },
        Row { name: 'C', successor: false, later: Some(false), witness: Some(&[WitnessSays::Differs]),  remains: None,                   decision: Decision::Damage(Proof::Witness) },
        Row { name: 'D', successor: false, later: Some(false), witness: Some(&[WitnessSays::Beyond]),   remains: None,                   decision: Decision::Damage(Proof::Witness) },
        Row { name: 'E', successor: false, later: Some(false), witness: Some(QUIET),                    remains: Some(Remains::Torn),    decision: Decision::Cut },
        Row { name: 'F', successor: false, later: Some(false), witness: Some(QUIET),                    remains: Some(Remains::Nothing), decision: Decision::End },
    ];

    fn matches(row: &Row, evidence: &Evidence) -> bool {
        row.successor == evidence.successor
            && row.later.is_none_or(|later| later == evidence.later_claim)
            && row
                .witness
                .is_none_or(|list| list.contains(&evidence.witness))
            && row
                .remains
                .is_none_or(|remains| remains == evidence.remains)
    }

    #[test]
    fn every_combination_meets_exactly_one_row_and_its_decision() {
        let mut seen = String::new();
        for number in 0..32 {
            let evidence = Evidence {
                successor: number & 1 != 0,
                later_claim: number & 2 != 0,
                remains: [Remains::Nothing, Remains::Torn][number >> 2 & 1],
                witness: [
                    WitnessSays::Nothing,
                    WitnessSays::Holds,
                    WitnessSays::Beyond,
                    WitnessSays::Differs,
                ][number >> 3],
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
