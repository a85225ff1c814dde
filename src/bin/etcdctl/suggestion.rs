//! The name that somebody probably meant.
//!
//! clap suggests only what it has parsed itself; this counts letters with the crate that clap uses for it.

use strsim::osa_distance;

/// No name of ours is nearly as long.
const WORD_LENGTH_MAX: usize = 64;

/// The nearest of `names` to `word`, when it is near enough to be a slip of the hand.
pub(crate) fn nearest<S: AsRef<str>>(word: &str, names: impl IntoIterator<Item = S>) -> Option<S> {
    // The work grows with the length, and nobody misspells a word of pages.
    if word.len() > WORD_LENGTH_MAX {
        return None;
    }
    // A third of the letters may be wrong; more would suggest names at random.
    let most = (word.chars().count() / 3).max(1);
    let rated = names
        .into_iter()
        .map(|name| (osa_distance(word, name.as_ref()), name));
    let (distance, name) = rated.min_by_key(|(distance, _)| *distance)?;
    (distance <= most && distance < word.chars().count()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_suggested() {
        let names = ["ls", "get", "set", "mkdir", "cluster-health", "h"];
        assert_eq!(nearest("mkdri", names), Some("mkdir"));
        assert_eq!(nearest("cluster-helth", names), Some("cluster-health"));
        assert_eq!(nearest("sl", names), Some("ls"));
        assert_eq!(nearest("nosuch", names), None);
        assert_eq!(nearest("x", names), None);
        assert_eq!(nearest("", names), None);
    }
}
