//! The tree at an older revision R, read from `versions`.
//!
//! v(p, R) is the newest version of p at or below R. Visibility (store-layout 5.1): p is visible
//! iff v(p, R) exists, is no tombstone, p's parent is visible, and v(p, R) is not older than the
//! createdIndex of v(parent, R). That last part hides what an earlier life of a directory left
//! behind; it compares the revision of the record, because a TTL update of a directory leaves
//! modifiedIndex behind.

use crate::engine::cursor::{Cursor, SnapshotRows, Source};
use crate::error::Error;
use crate::format::column::Column;
use crate::format::key;
use crate::format::node_row::{NodeRow, StoredNode};
use crate::operation::{Node, Refusal};
use crate::path::KeyPath;
use crate::read::hidden::HiddenNodes;
use crate::read::point;
use crate::read::walk::Item;

/// The tree as it was at one revision. Made by [`crate::View::at`].
pub struct PastView<'v> {
    rows: &'v SnapshotRows<'v>,
    revision: u64,
}

impl<'v> PastView<'v> {
    pub(crate) fn new(rows: &'v SnapshotRows<'v>, revision: u64) -> Self {
        Self { rows, revision }
    }

    /// The revision.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The node at `path` as it was; refused as [`crate::Store::get`] refuses.
    pub fn node(&self, path: &KeyPath) -> Result<Result<Node, Refusal>, Error> {
        match self.entry(path)? {
            Some(entry) => Ok(Ok(entry.node)),
            None => Ok(Err(point::why_missing_with(path, |path| {
                Ok(self.entry(path)?.map(|entry| entry.node.dir))
            })?)),
        }
    }

    /// What was below `path`; as [`crate::View::walk`].
    pub fn walk(&self, path: &KeyPath, recursive: bool, hidden: bool) -> PastWalk<'v> {
        PastWalk::new(
            self.rows,
            self.revision,
            path,
            recursive,
            HiddenNodes::shown_if(hidden),
        )
    }

    /// The node at `path`, if it was visible: its version must not be older than its parent of that
    /// time, nor that one than its own. From the bottom up, in a loop: a path may be deep.
    pub(crate) fn entry(&self, path: &KeyPath) -> Result<Option<StoredNode>, Error> {
        let mut at = path.clone();
        let mut wanted: Option<StoredNode> = None;
        // The revision of what lies directly below `at` on the way to `path`.
        let mut below = u64::MAX;
        loop {
            let current = point::entry(self.rows, &at)?;
            let is_below = wanted.is_some();
            // A parent that has lived since before the version below it was there all the time, and so
            // were its ancestors.
            if is_below
                && current
                    .as_ref()
                    .is_some_and(|entry| entry.node.dir && entry.node.created <= below)
            {
                return Ok(wanted);
            }
            // What has lived since then needs no history (rule 2); nor does the root, which has none.
            let lived = current.filter(|entry| entry.revision <= self.revision);
            let settled = lived.is_some();
            let found = match lived {
                Some(entry) => entry,
                None => match self.version(&at)? {
                    Some(entry) => entry,
                    None => return Ok(None),
                },
            };
            if is_below && !(found.node.dir && found.node.created <= below) {
                return Ok(None);
            }
            below = found.revision;
            wanted.get_or_insert(found);
            let (false, Some(parent)) = (settled, at.parent()) else {
                return Ok(wanted);
            };
            at = parent;
        }
    }

    /// v(path, R), unless it is a tombstone.
    fn version(&self, path: &KeyPath) -> Result<Option<StoredNode>, Error> {
        let key = key::encoded(path);
        let mut first = Vec::with_capacity(key.len() + 9);
        key::version(&key, self.revision, &mut first);
        let mut bound = Vec::with_capacity(key.len() + 1);
        key::descendants_start(&key, &mut bound);
        let mut cursor = self.rows.cursor(Column::Versions, Some(bound));
        cursor.seek(&first);
        let Some((row, value)) = cursor.row()? else {
            return Ok(None);
        };
        let record = NodeRow::decode(value).map_err(|reason| cursor.damage(row, reason))?;
        Ok((!record.removed).then(|| StoredNode::read(path, &record)))
    }
}

/// Where the walk stands.
enum WalkPosition {
    /// Nothing has been read: the top is looked up by the first step.
    Start(KeyPath),
    /// To the first row at or behind `target`.
    Skip,
    End,
}

/// A directory on the way down to the cursor.
struct Ancestor {
    /// The length of its key, which is a prefix of `group`'s while the cursor is below it.
    len: usize,
    created: u64,
}

/// The descendants or children of a directory as they were. Made by [`PastView::walk`].
pub struct PastWalk<'v> {
    rows: &'v SnapshotRows<'v>,
    cursor: Cursor<'v>,
    revision: u64,
    recursive: bool,
    hidden: HiddenNodes,
    top: usize,
    position: WalkPosition,
    target: Vec<u8>,
    /// The key of the path under the cursor.
    group: Vec<u8>,
    /// The visible directories that lead to `group`; the top is never dropped.
    ancestors: Vec<Ancestor>,
    path: Vec<u8>,
}

impl<'v> PastWalk<'v> {
    fn new(
        rows: &'v SnapshotRows<'v>,
        revision: u64,
        path: &KeyPath,
        recursive: bool,
        hidden: HiddenNodes,
    ) -> Self {
        let group = key::encoded(path);
        Self {
            rows,
            cursor: rows.cursor(Column::Versions, key::subtree_bound(&group)),
            revision,
            recursive,
            hidden,
            top: key::depth(&group),
            position: WalkPosition::Start(path.clone()),
            target: Vec::with_capacity(64),
            ancestors: Vec::new(),
            group,
            path: Vec::with_capacity(64),
        }
    }

    /// The next node, or `None` at the end. Not an [`Iterator`], because the item borrows from the
    /// walk.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Item<'_>>, Error> {
        loop {
            match std::mem::replace(&mut self.position, WalkPosition::Skip) {
                WalkPosition::Start(path) => self.start(&path)?,
                WalkPosition::Skip => self.cursor.skip_to(&self.target),
                WalkPosition::End => self.position = WalkPosition::End,
            }
            if matches!(self.position, WalkPosition::End) {
                return Ok(None);
            }
            let Some(parent_created) = self.enter_group()? else {
                if matches!(self.position, WalkPosition::End) {
                    return Ok(None);
                }
                continue;
            };
            if let Some(dir) = self.place(parent_created)? {
                self.plan(dir);
                break;
            }
            key::subtree_end(&self.group, &mut self.target);
        }
        let Some((row, value)) = self.cursor.row()? else {
            return Ok(None);
        };
        let record = NodeRow::decode(value).map_err(|reason| self.cursor.damage(row, reason))?;
        key::decode(&self.group, &mut self.path);
        Ok(Some(Item::new(
            key::depth(&self.group) - self.top,
            &self.path,
            &record,
        )))
    }

    /// Goes to the first row below the top, if the top was a visible directory.
    fn start(&mut self, path: &KeyPath) -> Result<(), Error> {
        let top = PastView::new(self.rows, self.revision)
            .entry(path)?
            .filter(|entry| entry.node.dir);
        match top {
            Some(top) => {
                self.ancestors.push(Ancestor {
                    len: self.group.len(),
                    created: top.node.created,
                });
                key::descendants_start(&self.group, &mut self.target);
                self.cursor.seek(&self.target);
            }
            None => self.position = WalkPosition::End,
        }
        Ok(())
    }

    /// Takes the path under the cursor as the group. Gives the createdIndex of its parent; `None`
    /// at the end, or if the parent is not visible, with the way around planned.
    fn enter_group(&mut self) -> Result<Option<u64>, Error> {
        let Some((row, _)) = self.cursor.row()? else {
            self.position = WalkPosition::End;
            return Ok(None);
        };
        let (path, _) = key::split_version(row)
            .ok_or_else(|| self.cursor.damage(row, "the key is no path and revision"))?;
        // The ancestors' keys are prefixes of the old group; drop those that the new one does not
        // share.
        let shared = self
            .group
            .iter()
            .zip(path)
            .take_while(|(old, new)| old == new)
            .count();
        while self.ancestors.len() > 1 && self.ancestors.last().is_some_and(|top| top.len > shared)
        {
            self.ancestors.pop();
        }
        self.group.clear();
        self.group.extend_from_slice(path);
        let parent = self
            .ancestors
            .last()
            .filter(|top| top.len == key::parent_len(path));
        let created = parent.map(|parent| parent.created);
        if created.is_none() {
            key::subtree_end(&self.group, &mut self.target);
        }
        Ok(created)
    }

    /// Moves to v(group, R). Gives whether it is a directory, or `None` if nothing visible is
    /// there.
    fn place(&mut self, parent_created: u64) -> Result<Option<bool>, Error> {
        key::version(&self.group, self.revision, &mut self.target);
        self.cursor.skip_to(&self.target);
        let Some((row, value)) = self.cursor.row()? else {
            return Ok(None);
        };
        let Some((path, revision)) = key::split_version(row) else {
            return Err(self.cursor.damage(row, "the key is no path and revision"));
        };
        // Behind the group's rows: the path had no version yet. The cursor stays for the next
        // group.
        if path != self.group {
            return Ok(None);
        }
        let record = NodeRow::decode(value).map_err(|reason| self.cursor.damage(row, reason))?;
        let skipped = self.hidden.leaves_out(path);
        let visible = !record.removed && revision >= parent_created && !skipped;
        if visible && record.dir {
            self.ancestors.push(Ancestor {
                len: self.group.len(),
                created: record.created,
            });
        }
        Ok(visible.then_some(record.dir))
    }

    /// Plans the way from a visible node: into a directory, or around all that is below.
    fn plan(&mut self, dir: bool) {
        if dir && self.recursive {
            key::descendants_start(&self.group, &mut self.target);
        } else {
            key::subtree_end(&self.group, &mut self.target);
        }
    }
}
