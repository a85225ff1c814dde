//! Where random numbers come from, so that a seed replays a cluster.

/// A generator, given at construction.
pub(crate) trait Randomness: Send {
    /// The next number, uniform over all of `u64`.
    fn next(&mut self) -> u64;
}
