//! Where a TTL becomes a deadline: seconds are relative until a leader stamps the entry, and count from its times then.

use storage::operation::Lifetime;

use super::stamp::Stamp;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Seconds to live, counted from the moment that the write is stamped; 0 ends at the next expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ttl(u64);

impl Ttl {
    /// The longest: 100 years of 365.25 days. The original wraps its clock from about 292 years on (keys-api 7.5); a time
    /// to live that long is a mistake, and is called one.
    pub(crate) const MAX: Self = Self(36_525 * 86_400);

    /// `None` if it is longer than [`Ttl::MAX`].
    pub(crate) fn new(seconds: u64) -> Option<Self> {
        Some(Self(seconds)).filter(|ttl| *ttl <= Self::MAX)
    }

    /// What an entry says, which no front end has looked at: at most [`Ttl::MAX`].
    pub(super) fn at_most(seconds: u64) -> Self {
        Self(seconds).min(Self::MAX)
    }

    /// In seconds.
    pub(crate) fn seconds(self) -> u64 {
        self.0
    }

    /// Saturates instead of wrapping: a TTL never ends before it should (keys-api 7.5).
    /// `counted` is the cluster time that the store has come to: the stamp of a leader whose clock was behind does not
    /// make a TTL end early.
    pub(super) fn from(self, stamp: &Stamp, counted: u64) -> Lifetime {
        let nanos = self.0.saturating_mul(NANOS_PER_SECOND);
        Lifetime {
            expiration: stamp.wall.saturating_add(nanos),
            deadline: stamp.cluster_time.max(counted).saturating_add(nanos),
        }
    }
}
