//! Walks over the tree as it is: tree order, one cursor, constant memory, nothing allocated per
//! node.

use bytes::Bytes;

use crate::engine::cursor::{Cursor, Source};
use crate::error::Error;
use crate::format::column::Column;
use crate::format::key;
use crate::format::node_row::NodeRow;
use crate::operation::{Lifetime, Node};
use crate::path::KeyPath;
use crate::read::hidden::HiddenNodes;

/// One node of a walk; it borrows the walk until the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'i> {
    /// Levels below the node where the walk began: 1 for its children.
    pub depth: usize,
    /// The path as clients write it.
    pub path: &'i [u8],
    /// The value of a file; `None` for a directory.
    pub value: Option<&'i [u8]>,
    /// Whether it is a directory.
    pub dir: bool,
    /// `createdIndex`.
    pub created: u64,
    /// `modifiedIndex`.
    pub modified: u64,
    /// Its TTL, if it has one.
    pub lifetime: Option<Lifetime>,
    /// The revision that wrote it; above `modified` after the TTL of a directory was changed.
    pub revision: u64,
}

impl<'i> Item<'i> {
    pub(crate) fn new(depth: usize, path: &'i [u8], record: &NodeRow<'i>) -> Self {
        Self {
            depth,
            path,
            value: (!record.dir).then_some(record.value),
            dir: record.dir,
            created: record.created,
            modified: record.modified,
            lifetime: record.lifetime,
            revision: record.revision,
        }
    }

    /// The last component of the path.
    pub fn name(&self) -> &'i [u8] {
        let start = self
            .path
            .iter()
            .rposition(|byte| *byte == b'/')
            .map_or(0, |at| at + 1);
        &self.path[start..]
    }

    /// A copy that outlives the step.
    pub fn to_node(&self) -> Node {
        Node {
            path: KeyPath::canonical(Bytes::copy_from_slice(self.path)),
            value: self.value.map(Bytes::copy_from_slice),
            dir: self.dir,
            created: self.created,
            modified: self.modified,
            lifetime: self.lifetime,
        }
    }
}

/// How the cursor leaves the row that was yielded last.
enum Leave {
    Start,
    Step,
    Subtree,
}

/// The descendants or children of a directory. Made by [`crate::View::walk`].
pub struct Walk<'v> {
    cursor: Cursor<'v>,
    recursive: bool,
    hidden: HiddenNodes,
    /// The depth of the node where the walk began.
    top: usize,
    leave: Leave,
    /// Moves of the cursor after which the walk ends.
    moves_max: usize,
    cut: bool,
    /// Where to go on, when a subtree is left out; at the start, the first place to look at.
    target: Vec<u8>,
    path: Vec<u8>,
}

impl<'v> Walk<'v> {
    /// With `moves_max` it ends early: see [`Self::is_cut`].
    pub(crate) fn new(
        rows: &'v impl Source,
        top: &[u8],
        recursive: bool,
        hidden: HiddenNodes,
        moves_max: Option<usize>,
    ) -> Self {
        let mut target = Vec::with_capacity(64);
        key::descendants_start(top, &mut target);
        let bound = key::subtree_bound(top);
        Self {
            cursor: match moves_max {
                None => rows.cursor(Column::Nodes, bound),
                Some(_) => rows.quick_cursor(Column::Nodes, bound),
            },
            moves_max: moves_max.unwrap_or(usize::MAX),
            cut: false,
            recursive,
            hidden,
            top: key::depth(top),
            leave: Leave::Start,
            target,
            path: Vec::with_capacity(64),
        }
    }

    /// Whether the walk ended because it took too many moves, or came to too many removed rows: what it gave
    /// is not all there is.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// The next node, or `None` at the end. Not an [`Iterator`], because the item borrows from the
    /// walk.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Item<'_>>, Error> {
        loop {
            self.cut |= self.cursor.moves() >= self.moves_max;
            if self.cut {
                return Ok(None);
            }
            match self.leave {
                Leave::Start => self.cursor.seek(&self.target),
                Leave::Step => self.cursor.step(),
                Leave::Subtree => self.cursor.skip_to(&self.target),
            }
            if self.cursor.gave_up() {
                self.cut = true;
                return Ok(None);
            }
            let Some((key, value)) = self.cursor.row()? else {
                self.leave = Leave::Step;
                return Ok(None);
            };
            let dir = NodeRow::decode(value)
                .map_err(|reason| self.cursor.damage(key, reason))?
                .dir;
            let skipped = self.hidden.leaves_out(key);
            if skipped {
                HiddenNodes::way_around(key, &mut self.target);
                self.leave = Leave::Subtree;
            } else if dir && !self.recursive {
                key::subtree_end(key, &mut self.target);
                self.leave = Leave::Subtree;
            } else {
                self.leave = Leave::Step;
            }
            if !skipped {
                break;
            }
        }
        let Some((key, value)) = self.cursor.row()? else {
            return Ok(None);
        };
        let record = NodeRow::decode(value).map_err(|reason| self.cursor.damage(key, reason))?;
        key::decode(key, &mut self.path);
        Ok(Some(Item::new(
            key::depth(key) - self.top,
            &self.path,
            &record,
        )))
    }
}
