//! Opening a log. Guarantees that nothing on disk changes before the log was read to its end and judged,
//! and that everything the opened log returns is durable.
//!
//! | step | process or power fails before it | after it |
//! | --- | --- | --- |
//! | 1 read and judge ([`crate::replay`]): [`judge()`] | – | nothing was changed |
//! | 2 sync the directory: from here on [`JudgedLog::open`] | nothing was changed | names that were only in the cache are durable |
//! | 3 remove `*.tmp`, surplus spares | as 2 | nothing of the log was touched |
//! | 4 copy the torn tail to `torn-*`, sync copy and directory | as 3 | a copy more; the next open keeps it |
//! | 5 write the unproven groups again in their place, zeros over the torn tail ([`rewrite`]) | as 4 | any sector of either is old or new: the groups are the same in both, of the tail any part is left, which the next open drops |
//! | 6 sync the segment, once | as 5 | all groups are durable, nothing lies behind them |
//! | 6b only if 5 or 6 failed: the unproven groups into a fresh segment, publish it ([`relocation`]) | as 5: the old segment still has them | they are durable; the old segment ends where the new one says |
//! | 7 remove surplus segments, set aside those of a replaced log, sync the directory | the next open finds them surplus again | done |
//!
//! Step 6b is one rename (see `segment.rs`), so there is no state between. Steps 4 to 6 are skipped when
//! nothing is unproven and there was no torn tail. None of the steps but 4 and 6b needs room on the disk; without
//! room step 4 is left out, so a full disk does not stop a start.

mod durability;
mod groups;
mod judgement;
mod parts;
mod prefix;
mod relocation;
mod report;
mod rewrite;
mod torn_tail;

pub use judgement::{JudgedLog, inspect, judge};
pub(crate) use parts::Parts;
pub use prefix::{Prefix, prefix};
pub use report::Recovery;
