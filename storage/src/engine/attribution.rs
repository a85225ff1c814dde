//! From the name of a file to what is in it: column family, level and keys.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use rocksdb::LiveFile;

use crate::damage::{Damage, readable};
use crate::engine::damage_report::DamageReport;
use crate::format::column::Column;

/// The damaged tables met so far. A hot key in one of them fails every read: the list of live
/// files, which copies every table's keys under RocksDB's mutex, is asked for once per table. The
/// level is that of the first meeting.
#[derive(Default)]
pub(crate) struct Attribution {
    // Held while RocksDB lists its files, inside no other lock; readers of undamaged tables never
    // come here.
    known: Mutex<BTreeMap<String, Damage>>,
}

impl Attribution {
    /// The whole story of a report. `asked` is what was looked for, `live` gives the live files.
    pub(crate) fn damage(
        &self,
        report: DamageReport,
        asked: Option<(Column, &[u8])>,
        live: impl FnOnce() -> Vec<LiveFile>,
    ) -> Damage {
        let DamageReport { file, detail, .. } = report;
        let Some(name) = file else {
            return match asked {
                Some((column, key)) => Damage::at_key(column, key, detail),
                None => nameless("unknown", None, detail),
            };
        };
        if !name.ends_with(".sst") {
            return nameless("all", Some(name), detail);
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(damage) = known.get(&name) {
            return Damage {
                detail,
                ..damage.clone()
            };
        }
        let Some(damage) = live()
            .into_iter()
            .find(|table| table.name.trim_start_matches('/') == name)
            .and_then(|table| in_table(&name, table, &detail))
        else {
            // Replaced by a compaction since, or not looked up.
            let column = asked.map_or("unknown", |(column, _)| column.name());
            return nameless(column, Some(name), detail);
        };
        known.insert(name, damage.clone());
        damage
    }
}

fn nameless(column: &'static str, file: Option<String>, detail: String) -> Damage {
    Damage {
        file,
        column,
        level: None,
        range: None,
        detail,
    }
}

fn in_table(name: &str, table: LiveFile, detail: &str) -> Option<Damage> {
    let column = Column::named(&table.column_family_name)?;
    let keys = table.start_key.zip(table.end_key);
    Some(Damage {
        file: Some(name.to_owned()),
        column: column.name(),
        level: Some(table.level),
        range: keys.map(|(first, last)| (readable(column, &first), readable(column, &last))),
        detail: detail.to_owned(),
    })
}
