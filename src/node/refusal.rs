//! Why new writes are refused for the time being: one closed set, so that clients, `/health`, the log and `/metrics`
//! name the same reasons.
//!
//! Each kind has one place, taken by whoever sees the trouble and cleared by the same hand. Beginning and end are one
//! line of the log each, however often the trouble is seen again meanwhile. What is final is not here: that is
//! [`Status::fail`](super::status::Status::fail).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A reason with its sentence for the operator, which ends in what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteRefusal {
    /// The data directory's file system went away under the node; the node ends.
    #[error("data directory gone: {0}")]
    Unmounted(String),
    /// A segment of the log was removed under the node; the node ends, with its store flushed.
    #[error("log removed: {0}")]
    LogRemoved(String),
    /// The store is damaged where writes need it; it stays so until it is mended.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// The file system became read-only.
    #[error("read-only file system: {0}")]
    ReadOnly(String),
    /// The disk or a quota is full.
    #[error("no space: {0}")]
    NoSpace(String),
    /// The file system refused what the store had to write; entries wait until it takes them.
    #[error("the store cannot write: {0}")]
    StoreRefused(String),
    /// The log has as many segments as it may have; a flush of the store will release some.
    #[error("the log is full: {0}")]
    LogFull(String),
    /// The process or the system has no file descriptor left for a new segment.
    #[error("no file descriptors: {0}")]
    NoDescriptors(String),
    /// The disk has not answered for longer than a request may wait.
    #[error("slow disk: {0}")]
    SlowDisk(String),
}

/// A [`WriteRefusal`] without its sentence. In order of weight: the first that is present is what clients are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // as in `WriteRefusal`
pub enum RefusalKind {
    Unmounted,
    LogRemoved,
    Damaged,
    ReadOnly,
    NoSpace,
    StoreRefused,
    LogFull,
    NoDescriptors,
    SlowDisk,
}

impl RefusalKind {
    /// All of them, in order of weight.
    pub const ALL: [Self; 9] = [
        Self::Unmounted,
        Self::LogRemoved,
        Self::Damaged,
        Self::ReadOnly,
        Self::NoSpace,
        Self::StoreRefused,
        Self::LogFull,
        Self::NoDescriptors,
        Self::SlowDisk,
    ];

    /// The word in `/metrics`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unmounted => "unmounted",
            Self::LogRemoved => "log_removed",
            Self::Damaged => "damaged",
            Self::ReadOnly => "read_only",
            Self::NoSpace => "no_space",
            Self::StoreRefused => "store_refused",
            Self::LogFull => "log_full",
            Self::NoDescriptors => "no_descriptors",
            Self::SlowDisk => "slow_disk",
        }
    }
}

impl WriteRefusal {
    /// Which of them it is.
    pub fn kind(&self) -> RefusalKind {
        match self {
            Self::Unmounted(_) => RefusalKind::Unmounted,
            Self::LogRemoved(_) => RefusalKind::LogRemoved,
            Self::Damaged(_) => RefusalKind::Damaged,
            Self::ReadOnly(_) => RefusalKind::ReadOnly,
            Self::NoSpace(_) => RefusalKind::NoSpace,
            Self::StoreRefused(_) => RefusalKind::StoreRefused,
            Self::LogFull(_) => RefusalKind::LogFull,
            Self::NoDescriptors(_) => RefusalKind::NoDescriptors,
            Self::SlowDisk(_) => RefusalKind::SlowDisk,
        }
    }
}

/// The reasons that hold just now.
#[derive(Debug, Default)]
pub struct WriteRefusals {
    // Read by every write: the lock is taken only while there is a reason.
    any: AtomicBool,
    // One place for each kind; held for a look or a change.
    places: Mutex<[Option<WriteRefusal>; RefusalKind::ALL.len()]>,
}

impl WriteRefusals {
    /// From now on writes are refused with this reason too; one of the same kind is replaced.
    pub fn add(&self, refusal: WriteRefusal) {
        let mut places = self.lock();
        let place = &mut places[refusal.kind() as usize];
        if place.is_none() {
            tracing::warn!("writes are refused: {refusal}");
        }
        *place = Some(refusal);
        // Ordered with the marks of the watchdog, which looks at its own after this.
        self.any.store(true, Ordering::SeqCst);
    }

    /// The trouble of these kinds is over.
    pub fn remove(&self, kinds: &[RefusalKind]) {
        if !self.any() {
            return;
        }
        let mut places = self.lock();
        let gone: Vec<WriteRefusal> = kinds
            .iter()
            .filter_map(|kind| places[*kind as usize].take())
            .collect();
        let any = places.iter().any(Option::is_some);
        self.any.store(any, Ordering::SeqCst);
        drop(places);
        for refusal in gone {
            tracing::info!("no longer a reason to refuse writes: {refusal}");
        }
    }

    /// The weightiest reason, if there is one.
    pub fn first(&self) -> Option<WriteRefusal> {
        if !self.any() {
            return None;
        }
        self.lock().iter().flatten().next().cloned()
    }

    /// Whether one of this kind holds.
    pub fn holds(&self, kind: RefusalKind) -> bool {
        self.any() && self.lock()[kind as usize].is_some()
    }

    /// Whether there is any.
    pub fn any(&self) -> bool {
        self.any.load(Ordering::SeqCst)
    }

    fn lock(&self) -> MutexGuard<'_, [Option<WriteRefusal>; RefusalKind::ALL.len()]> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weightiest_reason_is_told_and_each_goes_by_itself() {
        let refusals = WriteRefusals::default();
        assert_eq!(refusals.first(), None);
        let slow = WriteRefusal::SlowDisk("8 s".into());
        let full = WriteRefusal::NoSpace("0 KiB left".into());
        refusals.add(slow.clone());
        refusals.add(full.clone());
        assert_eq!(refusals.first(), Some(full));
        assert!(refusals.holds(RefusalKind::SlowDisk));
        refusals.remove(&[RefusalKind::NoSpace, RefusalKind::ReadOnly]);
        assert_eq!(refusals.first(), Some(slow));
        refusals.remove(&[RefusalKind::SlowDisk]);
        assert_eq!(refusals.first(), None);
        assert!(!refusals.any());
    }

    #[test]
    fn kinds_are_places_and_labels_differ() {
        for (place, kind) in RefusalKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place);
            let same = |other: &&RefusalKind| other.label() == kind.label();
            assert_eq!(RefusalKind::ALL.iter().filter(same).count(), 1);
        }
    }
}
