//! Failures of flushes and compactions in the background: where they come to light, and what they
//! forbid.

use rocksdb::{BottommostLevelCompaction, CompactOptions};

use crate::damage::Damage;
use crate::engine::damage_report::report_of_text;
use crate::engine::database::{Database, LOOK};
use crate::engine::info_log::Failures;
use crate::engine::setup;
use crate::error::Error;
use crate::format::column::Column;

/// Looks until the log line of a failure that RocksDB has counted is there: it follows at once.
const HEARD_WITHIN: u32 = 1_000;

impl Database {
    /// The first damage that a flush or compaction met in the background.
    pub(crate) fn background_damage(&self) -> Option<Damage> {
        let Failures {
            compaction, flush, ..
        } = self.notices.failures();
        let reports = [compaction, flush].into_iter().flatten();
        let mut met = reports.filter_map(|text| self.lost(report_of_text(&text)?));
        met.next()
    }

    /// Background jobs that failed, whatever the reason.
    fn background_failures(&self) -> u64 {
        self.property(Column::Meta, c"rocksdb.background-errors")
    }

    /// Whether a flush would wait inside RocksDB for compactions: see [`setup::SLOWDOWN_FILES`].
    pub(crate) fn flush_would_wait(&self) -> bool {
        let files = |column| self.property(column, c"rocksdb.num-files-at-level0");
        Column::ALL.into_iter().any(|column| {
            !self.engine_mode.resting.contains(&column)
                && files(column) + 1 >= setup::SLOWDOWN_FILES
        })
    }

    /// The reason why compactions make no progress, if one failed.
    pub(crate) fn refuse_after_failed_compaction(&self) -> Result<(), Error> {
        match self.notices.failures().compaction {
            None => Ok(()),
            Some(message) => Err(self.background_error(message)),
        }
    }

    /// The refusal that RocksDB leaves out when it was opened leniently.
    pub(crate) fn refuse_after_failed_flush(&self) -> Result<(), Error> {
        let failed = self
            .engine_mode
            .lenient
            .then(|| self.notices.failures().flush);
        match failed.flatten() {
            None => Ok(()),
            Some(message) => Err(self.background_error(message)),
        }
    }

    /// Compacts all of a column family that does not rest. The crate drops RocksDB's answer; a
    /// failure is counted, and heard a moment later.
    pub(crate) fn compact(&self, column: Column) -> Result<(), Error> {
        self.refuse_if_read_only()?;
        if self.engine_mode.resting.contains(&column) {
            return Ok(());
        }
        self.watched(|| {
            let family = self.family(column);
            self.db()
                .compact_range_cf(family, None::<&[u8]>, None::<&[u8]>);
        })
    }

    /// Rewrites the tables of a column family that hold keys from `first` to `last`, those of the
    /// lowest level as well, which RocksDB would leave as they are.
    pub(crate) fn merge(&self, column: Column, first: &[u8], last: &[u8]) -> Result<(), Error> {
        let mut options = CompactOptions::default();
        options.set_exclusive_manual_compaction(false);
        options.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
        self.watched(|| {
            let family = self.family(column);
            self.db()
                .compact_range_cf_opt(family, Some(first), Some(last), &options);
        })
    }

    /// Does background work, and says whether a job failed meanwhile.
    fn watched(&self, work: impl FnOnce()) -> Result<(), Error> {
        let before = self.background_failures();
        work();
        let counted = self.background_failures();
        if counted == before {
            return Ok(());
        }
        for _ in 0..HEARD_WITHIN {
            if self.notices.failures().count >= counted {
                break;
            }
            std::thread::sleep(LOOK);
        }
        let failures = self.notices.failures();
        let text = failures.compaction.or(failures.flush).unwrap_or_default();
        Err(self.background_error(text))
    }

    fn background_error(&self, message: String) -> Error {
        match report_of_text(&message).and_then(|report| self.lost(report)) {
            Some(damage) => Error::Damaged(Box::new(damage)),
            None => Error::Background {
                path: self.path.clone(),
                message,
            },
        }
    }
}
