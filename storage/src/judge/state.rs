//! The set of live tables that the records of a MANIFEST build up, by RocksDB's rules.
//!
//! Records of an atomic group take effect together, when the last one has been read. A group that
//! the file ends in has no effect, in RocksDB as here. A record that contradicts those before it is
//! damage: to remove a table that is not there, to add one twice, to name an unknown column family.

use std::collections::BTreeMap;

use super::edit::Edit;
use super::new_table::NewTable;

/// RocksDB's number of levels unless it is told otherwise; it refuses a table above.
const LEVELS: u32 = 7;

#[derive(Debug, Default)]
pub(super) struct Family {
    pub(super) name: String,
    pub(super) comparator: Option<Vec<u8>>,
    /// By number.
    pub(super) tables: BTreeMap<u64, NewTable>,
}

#[derive(Debug)]
pub(super) struct ManifestState {
    pub(super) families: BTreeMap<u32, Family>,
    pub(super) last_sequence: Option<u64>,
    /// What was live when the MANIFEST was begun has been read to its end.
    pub(super) described: bool,
    log_number: bool,
    next_file: bool,
    group: Vec<Edit>,
    /// How many records the group has.
    group_length: u64,
    group_offset: u64,
}

/// What contradicts the records before.
pub(super) type Contradiction = String;

impl ManifestState {
    /// Before the first record there is one column family, which no record adds.
    pub(super) fn new() -> Self {
        let default = Family {
            name: "default".to_owned(),
            ..Family::default()
        };
        Self {
            families: BTreeMap::from([(0, default)]),
            last_sequence: None,
            described: false,
            log_number: false,
            next_file: false,
            group: Vec::new(),
            group_length: 0,
            group_offset: 0,
        }
    }

    /// Takes the record that begins at `offset`.
    pub(super) fn take(&mut self, edit: Edit, offset: u64) -> Result<(), Contradiction> {
        let Some(following) = edit.group else {
            if !self.group.is_empty() {
                return Err("an atomic group ends too early".to_owned());
            }
            return self.apply(edit);
        };
        if self.group.is_empty() {
            self.group_length = u64::from(following) + 1;
            self.group_offset = offset;
        }
        self.group.push(edit);
        if self.group.len() as u64 + u64::from(following) != self.group_length {
            return Err("the records of an atomic group are miscounted".to_owned());
        }
        if following == 0 {
            for edit in std::mem::take(&mut self.group) {
                self.apply(edit)?;
            }
        }
        Ok(())
    }

    /// Where the atomic group begins that is not complete.
    pub(super) fn open_group(&self) -> Option<u64> {
        (!self.group.is_empty()).then_some(self.group_offset)
    }

    fn apply(&mut self, edit: Edit) -> Result<(), Contradiction> {
        let id = edit.family;
        self.last_sequence = edit.last_sequence.or(self.last_sequence);
        self.next_file |= edit.next_file;
        self.described |= edit.ends_description;
        if let Some(name) = edit.adds_family {
            let family = Family {
                name: String::from_utf8_lossy(&name).into_owned(),
                ..Family::default()
            };
            if self.families.insert(id, family).is_some() {
                return Err(format!("it adds column family {id} twice"));
            }
        } else if edit.drops_family {
            self.families
                .remove(&id)
                .ok_or_else(|| format!("it drops column family {id}, which is not there"))?;
            return Ok(());
        } else if edit.about_log {
            return Ok(());
        } else {
            let family = self
                .families
                .get_mut(&id)
                .ok_or_else(|| format!("it names column family {id}, which is not there"))?;
            change(&mut family.tables, &edit.removed, edit.added)?;
        }
        self.log_number |= edit.log_number;
        if let (Some(family), Some(comparator)) = (self.families.get_mut(&id), edit.comparator) {
            family.comparator = Some(comparator);
        }
        Ok(())
    }

    /// What every MANIFEST says and this one does not.
    pub(super) fn lacks(&self) -> Option<&'static str> {
        if !self.log_number {
            Some("it says which log is the oldest")
        } else if !self.next_file {
            Some("it says which file number is next")
        } else if self.last_sequence.is_none() {
            Some("it says which sequence number is the last")
        } else {
            None
        }
    }
}

/// Removals come first: a table that moves to another level is removed and added in one record.
fn change(
    tables: &mut BTreeMap<u64, NewTable>,
    removed: &[(u32, u64)],
    added: Vec<NewTable>,
) -> Result<(), Contradiction> {
    for (level, number) in removed {
        match tables.remove(number) {
            Some(table) if table.level == *level => {}
            _ => {
                return Err(format!(
                    "it removes table {number} from level {level}, where it is not"
                ));
            }
        }
    }
    for table in added {
        let number = table.number;
        if table.level >= LEVELS {
            return Err(format!("it adds table {number} to level {}", table.level));
        }
        if tables.insert(number, table).is_some() {
            return Err(format!("it adds table {number} twice"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(number: u64, level: u32) -> NewTable {
        NewTable {
            level,
            number,
            bytes: 1,
            smallest: Vec::new(),
            largest: Vec::new(),
            unique_id: None,
        }
    }

    fn adding(number: u64, group: Option<u32>) -> Edit {
        Edit {
            added: vec![table(number, 0)],
            group,
            ..Edit::default()
        }
    }

    fn numbers(state: &ManifestState) -> Vec<u64> {
        state.families[&0].tables.keys().copied().collect()
    }

    #[test]
    fn a_group_takes_effect_with_its_last_record() {
        let mut state = ManifestState::new();
        state.take(adding(1, None), 0).expect("fits");
        state.take(adding(2, Some(1)), 10).expect("fits");
        assert_eq!((numbers(&state), state.open_group()), (vec![1], Some(10)));
        state.take(adding(3, Some(0)), 20).expect("fits");
        assert_eq!((numbers(&state), state.open_group()), (vec![1, 2, 3], None));
    }

    #[test]
    fn a_broken_group_is_a_contradiction() {
        for second in [None, Some(1), Some(3), Some(u32::MAX)] {
            let mut state = ManifestState::new();
            state.take(adding(2, Some(u32::MAX)), 10).expect("fits");
            state
                .take(adding(3, second), 20)
                .expect_err("does not follow");
        }
    }

    #[test]
    fn a_table_moves_and_leaves_once() {
        let mut state = ManifestState::new();
        state.take(adding(1, None), 0).expect("fits");
        state.take(adding(1, None), 0).expect_err("there already");
        let moving = |from, to| Edit {
            removed: vec![(from, 1)],
            added: vec![table(1, to)],
            ..Edit::default()
        };
        let mut state = ManifestState::new();
        state.take(adding(1, None), 0).expect("fits");
        state.take(moving(0, 6), 0).expect("moves");
        assert_eq!(state.families[&0].tables[&1].level, 6);
        state.take(moving(0, 1), 0).expect_err("not at that level");
        let mut state = ManifestState::new();
        state.take(adding(1, None), 0).expect("fits");
        state.take(moving(0, 7), 0).expect_err("no such level");
    }

    #[test]
    fn column_families_come_and_go() {
        let family = |id, adds: bool, drops| Edit {
            family: id,
            adds_family: adds.then(|| b"nodes".to_vec()),
            drops_family: drops,
            ..Edit::default()
        };
        let mut state = ManifestState::new();
        state
            .take(family(1, false, false), 0)
            .expect_err("not there yet");
        state.take(family(1, true, false), 0).expect("added");
        state.take(family(1, true, false), 0).expect_err("twice");
        let mut state = ManifestState::new();
        state.take(family(1, true, false), 0).expect("added");
        state.take(family(1, false, true), 0).expect("dropped");
        state.take(family(1, false, true), 0).expect_err("twice");
    }
}
