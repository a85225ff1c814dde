//! What a search pays for what it looks at, in rows, and when it tries another way.

/// What a look by seek counts, in rows: it costs about as much as so many steps.
pub(super) const SEEK_ROWS: u64 = 16;
/// What an event counts whose nodes are read.
pub(super) const LOAD_ROWS: u64 = 2 * SEEK_ROWS;
/// Events of a search in a subtree that are scanned before anything else is tried.
pub(super) const PROBE: u64 = 1_024;
/// If one of so many matched, the scan goes on: other ways pay for fewer.
pub(super) const SPARSE: u64 = 16;
