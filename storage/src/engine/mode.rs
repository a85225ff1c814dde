//! How a store is opened: as usual, around damaged history, or for reading alone.
//!
//! | mode | opens | writes | damaged part |
//! |---|---|---|---|
//! | [`Mode::Normal`] | if every table that is looked at can be opened | yes | a compaction that meets it ends all writing |
//! | [`Mode::WithoutCompaction`] | even if tables of the named families cannot be opened | yes | only readers meet it |
//! | [`Mode::ReadOnly`] | if MANIFEST and state row can be read | none | only readers meet it |
//!
//! **Without compaction** each flush leaves one file more in level 0 of the resting families, and
//! whoever reads them looks into every file. Nothing slows writes down, so the caller sets the
//! bound, with [`crate::Store::level0_files`]: from [`LEVEL0_FILES_WARN`] on the node should say
//! so, and at [`LEVEL0_FILES_MAX`] it should refuse writes. With the default memtables (16 MiB)
//! that is at most 15 GiB of writes, and as much on disk, because what the oldest event passes is not
//! given back meanwhile. A seek in history goes through every file: 171 files took 2.5 ms with
//! nothing cached, so 1,000 take about 15. Open files stay below `max_open_files`. Flushes that the
//! node asks for count as well: with one in an hour 1,000 files last six weeks.
//!
//! **What a lenient opening loses.** RocksDB opens around missing tables only without its paranoid
//! checks, and then takes a failed flush for no error at all. So it is opened strictly first, and
//! leniently only if a resting family's table stands in the way; and then this crate hears the
//! failure itself (module `info_log`): [`crate::Store::flush`] fails, and every later write and
//! flush is refused, as after a strict opening. What stays different: a failed compaction of another
//! family does not stop writes, it is only told by [`crate::Store::background_damage`].

use crate::error::Error;
use crate::format::column::Column;

/// Level-0 files of one resting family from which on the node should warn.
pub const LEVEL0_FILES_WARN: u64 = 200;
/// Level-0 files of one resting family at which the node should refuse writes.
pub const LEVEL0_FILES_MAX: u64 = 1_000;

/// How RocksDB is opened this time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct EngineMode {
    /// Nothing is written.
    pub(crate) read_only: bool,
    /// Tables that cannot be opened do not stop the opening (RocksDB: no paranoid checks).
    pub(crate) lenient: bool,
    /// Never compacted by RocksDB itself, and no number of level-0 files slows writes down.
    pub(crate) resting: Vec<Column>,
}

/// How a store is opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Mode {
    /// Everything works, or the store does not open.
    #[default]
    Normal,
    /// The named column families (`Damage::column`) are never compacted, and their damaged or
    /// missing tables do not stop the opening.
    WithoutCompaction(Vec<&'static str>),
    /// Nothing is written, created or deleted in the directory, and the lock is not taken: the
    /// caller keeps other processes out. The store stands at its last flush. It has no deadlines:
    /// nothing can lapse where nothing is applied.
    ReadOnly,
}

impl Mode {
    pub(crate) fn is_read_only(&self) -> bool {
        *self == Self::ReadOnly
    }

    /// How RocksDB is opened first. Errors: [`Error::NoFamily`].
    pub(crate) fn engine_mode(&self) -> Result<EngineMode, Error> {
        let resting = match self {
            Self::WithoutCompaction(names) => names
                .iter()
                .map(|name| {
                    Column::named(name).ok_or_else(|| Error::NoFamily {
                        name: (*name).to_owned(),
                    })
                })
                .collect::<Result<_, _>>()?,
            Self::Normal | Self::ReadOnly => Vec::new(),
        };
        Ok(EngineMode {
            read_only: self.is_read_only(),
            lenient: self.is_read_only(),
            resting,
        })
    }
}
