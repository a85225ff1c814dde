//! What the environment asks for: how much, which scenarios, beside whom.

use std::time::Duration;

use super::support::seed;

/// The least and the greatest scale: the short form and the long one.
const SCALES: (u64, u64) = (1, 100);

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) scale: u64,
    /// Debian's server is put under the same loads.
    pub(crate) debian: bool,
    /// Names of scenarios; empty for all.
    only: Vec<String>,
}

impl Plan {
    /// # Panics
    /// When a variable holds something that is no number, or a scale beyond the long form.
    pub(crate) fn from_env() -> Plan {
        let scale = seed::number_from_env("LOAD_SCALE", SCALES.0);
        assert!(
            (SCALES.0..=SCALES.1).contains(&scale),
            "LOAD_SCALE is from {} to {}, not {scale}",
            SCALES.0,
            SCALES.1
        );
        let only = std::env::var("LOAD_ONLY").unwrap_or_default();
        Plan {
            seed: seed::from_env("LOAD_SEED"),
            scale,
            debian: seed::number_from_env("LOAD_DEBIAN", u64::from(scale > SCALES.0)) > 0,
            only: only
                .split(',')
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
        }
    }

    pub(crate) fn picks(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }

    /// A size between that of the short form and that of the long one.
    pub(crate) fn size(&self, short: usize, long: usize) -> usize {
        let (low, high) = SCALES;
        short + (long - short) * (self.scale - low) as usize / (high - low) as usize
    }

    /// How long one load, or what waits for its end, may take before it counts as hung.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs(self.size(30, 600) as u64)
    }

    /// Between the end of a load and the look at what memory is left.
    pub(crate) fn quiet(&self) -> Duration {
        Duration::from_secs(self.size(1, 10) as u64)
    }
}
