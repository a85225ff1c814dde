//! A search for the events of one path, or of a subtree, in bounded steps that may lie far apart.
//!
//! A scan of `events` costs as much as has happened, whatever is sought. `versions` are sorted by path:
//! each event of a path has a version there, with the event's revision, so the versions of the path and
//! of the directories above it (whose removal concerns it) name every revision that can match. They
//! name more: directories made on the way have versions and no event of their own, and a directory
//! above has many that are no removal. So a version is only a candidate; the event's own row decides,
//! by the same filter as in a scan.
//!
//! | sought | rows looked at |
//! |---|---|
//! | one path | its versions and those of the directories above, in the order of revisions ([`lineage`]) |
//! | a subtree | a scan of the first [`cost::PROBE`] events; if few match, the subtree's range of `versions` ([`subtree`]) |
//!
//! What that costs is known only afterwards, what a scan costs is: one row for each revision. Once the
//! versions have cost as much as the scan would, the scan takes over, so a search never costs more than
//! twice the scan. Damage in `versions` makes the scan take over as well.
//!
//! A step looks at a given number of rows and at no less than one. Between steps nothing is held, so
//! the oldest event may pass the position: that fails the next step.

mod cost;
mod lineage;
mod plan;
mod step;
mod subtree;

pub use plan::Search;
pub use step::Step;
