//! The name that somebody probably meant.

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
        .map(|name| (distance(word, name.as_ref()), name));
    let (distance, name) = rated.min_by_key(|(distance, _)| *distance)?;
    (distance <= most && distance < word.chars().count()).then_some(name)
}

/// How many letters must be added, dropped, replaced, or swapped with their neighbour, to get from one to the other.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    // rows[i][j] is the distance of the first i letters of one to the first j of the other.
    let mut rows = vec![(0..=to.len()).collect::<Vec<usize>>()];
    for i in 1..=from.len() {
        let mut row = vec![i];
        for j in 1..=to.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_counted() {
        for (from, to, expected) in [
            ("", "", 0),
            ("ls", "ls", 0),
            ("sl", "ls", 1),
            ("recursiv", "recursive", 1),
            ("recurisve", "recursive", 1),
            ("mkdri", "mkdir", 1),
            ("abc", "", 3),
            ("watch", "match", 1),
        ] {
            assert_eq!(distance(from, to), expected, "{from} {to}");
            assert_eq!(distance(to, from), expected, "{to} {from}");
        }
    }

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
