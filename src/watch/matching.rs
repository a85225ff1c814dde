//! Which event concerns which watch (keys-api 8.3 and 8.5).
//!
//! W is the watched path, K the changed one:
//!
//! | | history | live |
//! |---|---|---|
//! | K = W | yes | yes |
//! | recursive, K below W | yes, hidden or not | yes, unless a component of K after W is hidden |
//! | K is a removed directory above W | yes | only if W existed and went with it |
//! | refresh | no | no |
//! | written by the server itself | only for W at or below `/_etcd` | same |

use storage::operation::Event;
use storage::path::KeyPath;

const SYSTEM: &[u8] = b"/_etcd";

/// What is watched.
#[derive(Debug, Clone)]
pub struct Target {
    /// The watched path.
    pub path: KeyPath,
    /// Whether changes below count.
    pub recursive: bool,
}

/// How an event and a target stand to each other, before the questions that need the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// No match under any rule.
    None,
    /// A match under both rules.
    Match,
    /// A match in history only: hidden from live recursive watches.
    Hidden,
    /// A removed directory above: live, it depends on whether the target existed.
    RemovedAbove,
}

/// See [`Relation`].
pub(super) fn relate(target: &Target, event: &Event) -> Relation {
    let changed = &event.node.path;
    if event.refresh || (event.system && !is_system(&target.path)) {
        return Relation::None;
    }
    if *changed == target.path {
        return Relation::Match;
    }
    if changed.is_below(&target.path) {
        return match (target.recursive, is_hidden_below(&target.path, changed)) {
            (false, _) => Relation::None,
            (true, false) => Relation::Match,
            (true, true) => Relation::Hidden,
        };
    }
    if event.action.is_removal() && event.node.dir && target.path.is_below(changed) {
        return Relation::RemovedAbove;
    }
    Relation::None
}

fn is_system(path: &KeyPath) -> bool {
    let bytes = path.as_bytes();
    bytes.starts_with(SYSTEM) && matches!(bytes.get(SYSTEM.len()), None | Some(b'/'))
}

/// Whether a component of `changed` after `watched` begins with an underscore; components inside `watched` do not
/// matter.
fn is_hidden_below(watched: &KeyPath, changed: &KeyPath) -> bool {
    let rest = &changed.as_bytes()[if watched.is_root() {
        0
    } else {
        watched.as_bytes().len()
    }..];
    rest.windows(2).any(|pair| pair == b"/_")
}
