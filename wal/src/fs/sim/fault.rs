//! Planned faults. Guarantees that each fires at exactly the operation it was set for.

use std::io;

/// How one operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimFault {
    /// An I/O error; the operation has no effect.
    Eio,
    /// No space on the device; the operation has no effect.
    NoSpace,
    /// The file system is read-only: what would change a file or a name has no effect; reads go on.
    ReadOnly,
    /// A write stores only its first half and says so; other operations are not affected.
    ShortWrite,
    /// A write stores its first half and then reports an I/O error; other operations fail without effect.
    TornWrite,
}

/// What the file system is told to do at the next operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Proceed,
    Fail(SimFault),
}

/// Faults still to come, by operation number and by sync number.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub(super) operations: u64,
    pub(super) syncs: u64,
    fail_at: Option<(u64, SimFault)>,
    fail_sync_at: Option<u64>,
    stop_at: Option<u64>,
    failing: Option<SimFault>,
    suspended: bool,
}

impl Plan {
    pub(super) fn fail_at(&mut self, number: u64, fault: SimFault) {
        self.fail_at = Some((number, fault));
    }

    pub(super) fn fail_sync_at(&mut self, number: u64) {
        self.fail_sync_at = Some(number);
    }

    pub(super) fn stop_at(&mut self, number: u64) {
        self.stop_at = Some(number);
    }

    pub(super) fn fail_writes(&mut self, fault: Option<SimFault>) {
        self.failing = fault;
    }

    pub(super) fn suspend(&mut self, suspended: bool) {
        self.suspended = suspended;
    }

    pub(super) fn clear(&mut self) {
        let (operations, syncs) = (self.operations, self.syncs);
        *self = Self {
            operations,
            syncs,
            ..Self::default()
        };
    }

    pub(super) fn next_operation(&mut self, writes: bool) -> Verdict {
        if self.suspended {
            return Verdict::Proceed;
        }
        self.operations += 1;
        if self.stop_at.is_some_and(|stop| self.operations >= stop) {
            return Verdict::Fail(SimFault::Eio);
        }
        if let Some((_, fault)) = self.fail_at.take_if(|(at, _)| *at == self.operations) {
            return Verdict::Fail(fault);
        }
        match self.failing {
            Some(fault) if writes => Verdict::Fail(fault),
            _ => Verdict::Proceed,
        }
    }

    pub(super) fn next_sync(&mut self) -> Verdict {
        if self.suspended {
            return Verdict::Proceed;
        }
        self.syncs += 1;
        match self.fail_sync_at.take_if(|at| *at == self.syncs) {
            Some(_) => Verdict::Fail(SimFault::Eio),
            None => Verdict::Proceed,
        }
    }
}

pub(super) fn error_of(fault: SimFault) -> io::Error {
    match fault {
        SimFault::NoSpace => io::Error::from(io::ErrorKind::StorageFull),
        SimFault::ReadOnly => io::Error::from(io::ErrorKind::ReadOnlyFilesystem),
        SimFault::Eio | SimFault::ShortWrite | SimFault::TornWrite => {
            io::Error::other("simulated input/output error")
        }
    }
}
