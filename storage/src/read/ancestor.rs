//! Which directories above a path are there.
//!
//! A node that exists has all of its ancestors, so those that exist come first on the way down and one border parts them
//! from those that do not. Each look costs the length of the path it looks for: the border of a deep path is found with a
//! number of looks that grows as the logarithm of the depth, and not with the depth.

use crate::path::KeyPath;

/// Where the ancestors of a path cease to exist. The root exists always and is never looked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Border<T> {
    /// The deepest ancestor that exists, with what the look gave; `None` if it is the root.
    pub(crate) deepest: Option<(KeyPath, T)>,
    /// Those that do not, the topmost first.
    pub(crate) missing: Vec<KeyPath>,
}

/// Finds the border above `path`, from below, since most paths have their parent: then by steps that grow, then by
/// halves.
pub(crate) fn border<T, E>(
    path: &KeyPath,
    mut look: impl FnMut(&KeyPath) -> Result<Option<T>, E>,
) -> Result<Border<T>, E> {
    let Some(parent) = path.parent().filter(|parent| !parent.is_root()) else {
        return Ok(Border {
            deepest: None,
            missing: Vec::new(),
        });
    };
    if let Some(found) = look(&parent)? {
        return Ok(Border {
            deepest: Some((parent, found)),
            missing: Vec::new(),
        });
    }
    let mut ancestors: Vec<KeyPath> = path.ancestors().skip(1).collect();
    // All from `high` on are missing; the one before `low` exists.
    let (mut low, mut high, mut step) = (0, ancestors.len() - 1, 1);
    let mut deepest = None;
    while low < high {
        let probe = match deepest {
            None => high.saturating_sub(step),
            Some(_) => low + (high - low) / 2,
        };
        match look(&ancestors[probe])? {
            Some(found) => {
                deepest = Some((ancestors[probe].clone(), found));
                low = probe + 1;
            }
            None => {
                high = probe;
                step *= 2;
            }
        }
    }
    Ok(Border {
        deepest,
        missing: ancestors.split_off(high),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deep(names: usize) -> KeyPath {
        (0..names).fold(KeyPath::root(), |path, name| {
            path.child(name.to_string().as_bytes())
        })
    }

    #[test]
    fn every_border_is_found_with_few_looks() {
        for names in (0..40).chain([511, 512]) {
            let path = deep(names);
            let above: Vec<KeyPath> = path.ancestors().skip(1).collect();
            for there in 0..=above.len() {
                let mut looks = 0u32;
                let found = border(&path, |at| {
                    looks += 1;
                    let place = above.iter().position(|other| other == at);
                    let place = place.expect("an ancestor, not the root and not the path");
                    Ok::<_, ()>((place < there).then_some(place))
                });
                let wanted = Border {
                    deepest: there.checked_sub(1).map(|at| (above[at].clone(), at)),
                    missing: above[there..].to_vec(),
                };
                assert_eq!(found, Ok(wanted), "{there} of {names}");
                let most = 2 * (names.max(1).ilog2() + 1);
                assert!(looks <= most, "{looks} looks for {there} of {names}");
            }
        }
    }

    #[test]
    fn an_error_ends_the_search() {
        assert_eq!(
            border(&deep(3), |_| Err::<Option<()>, _>("broken")),
            Err("broken")
        );
    }
}
