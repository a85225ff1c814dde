//! What of the store is known to be damaged.
//!
//! Damage in the tree as it is (`nodes`, `expiry`, the rows beside the tree) ends all writing: what an entry does depends
//! on what it finds. Damage in history alone (`versions`, `events`) leaves writes and current reads as they are; only
//! reads of old state and watches from the past meet it. Either is told once, by file, column family and key range, and
//! stays until the process ends: nothing here mends anything.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use storage::Damage;

/// Places remembered; further ones are told in the log alone.
const REMEMBERED: usize = 64;

/// The places found so far.
#[derive(Debug, Default)]
pub struct Damages {
    // Read by every look at `/health`: the lock is taken only where there is damage.
    any: AtomicBool,
    // Held for a look or an insertion.
    places: Mutex<Vec<Damage>>,
}

impl Damages {
    /// Notes damage; `true` if it is new. Its log line is written here.
    pub fn note(&self, damage: &Damage) -> bool {
        let mut places = self.lock();
        if places.iter().any(|known| is_same(known, damage)) {
            return false;
        }
        tracing::error!("{damage}");
        if places.len() < REMEMBERED {
            places.push(damage.clone());
        }
        self.any.store(true, Ordering::Release);
        true
    }

    /// Whether anything is damaged.
    pub fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// The first place found, in words.
    pub fn first(&self) -> Option<String> {
        if !self.any() {
            return None;
        }
        self.lock().first().map(ToString::to_string)
    }

    /// The column families of history that are hurt.
    pub fn history(&self) -> Vec<&'static str> {
        let places = self.lock();
        let mut families: Vec<&'static str> = places
            .iter()
            .filter(|damage| damage.is_history())
            .map(|damage| damage.column)
            .collect();
        families.sort_unstable();
        families.dedup();
        families
    }

    /// Column family and file (or range) of each place, for `/metrics`.
    pub fn labels(&self) -> Vec<(&'static str, String)> {
        let places = self.lock();
        let label = |damage: &Damage| (damage.column, damage.file.clone().unwrap_or_default());
        places.iter().map(label).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Damage>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One damaged table is one place, whatever key met it.
fn is_same(known: &Damage, damage: &Damage) -> bool {
    known.column == damage.column
        && known.file == damage.file
        && (known.file.is_some() || known.range == damage.range)
}
