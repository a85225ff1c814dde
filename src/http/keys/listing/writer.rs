//! The nodes of a walk as nested JSON.
//!
//! The walk gives nodes in tree order, a directory directly before its subtree, while JSON wants the indexes of a
//! directory after its children. The writer therefore keeps the open directories on a stack, one entry for each level.

use std::ops::ControlFlow;

use storage::operation::Node;

use crate::config::Vocabulary;
use crate::http::answer::render::{close_node, end, open_node};
use crate::service::{ListedNode, ListingVisitor, MemberPosition};

/// Where the JSON of a walk goes.
pub(super) trait Outlet {
    /// Rows that may be looked at, see [`ListingVisitor::rows_at_most`].
    const ROWS: Option<usize> = None;
    /// The walk has a view.
    fn begin(&mut self, position: MemberPosition);
    /// Called after each node; may take what is written so far. `Break` ends the walk.
    fn written(&mut self, json: &mut Vec<u8>) -> ControlFlow<()>;
}

/// Writes the nodes of a walk as nested JSON.
pub(super) struct ListingWriter<O> {
    pub(super) json: Vec<u8>,
    /// The nodes on the way down that are not closed, the listed directory first.
    open: Vec<OpenNode>,
    pub(super) position: Option<MemberPosition>,
    vocabulary: Vocabulary,
    /// Cluster time in nanoseconds, for what is left to live.
    now: u64,
    /// Whether the walk ended early.
    pub(super) broken: bool,
    /// Whether that was for the rows it looked at, and not for those it has.
    pub(super) cut: bool,
    pub(super) outlet: O,
}

struct OpenNode {
    modified: u64,
    created: u64,
    has_children: bool,
}

impl<O: Outlet> ListingWriter<O> {
    pub(super) fn new(vocabulary: Vocabulary, now: u64, outlet: O) -> Self {
        Self {
            vocabulary,
            json: Vec::with_capacity(4096),
            open: Vec::new(),
            position: None,
            now,
            broken: false,
            cut: false,
            outlet,
        }
    }

    /// Closes all open nodes at `depth` and below it.
    fn close_from(&mut self, depth: usize) {
        while self.open.len() > depth {
            let Some(node) = self.open.pop() else { return };
            if node.has_children {
                self.json.push(b']');
            }
            close_node(&mut self.json, node.modified, node.created);
        }
    }

    /// Writes the end of the document; `None` if the walk did not reach it.
    pub(super) fn close(&mut self) -> Option<MemberPosition> {
        let position = self.position.filter(|_| !self.broken)?;
        self.close_from(0);
        end(&mut self.json, self.vocabulary);
        Some(position)
    }
}

impl<O: Outlet> ListingVisitor for ListingWriter<O> {
    fn begin(&mut self, directory: &Node, position: MemberPosition) -> ControlFlow<()> {
        self.position = Some(position);
        self.outlet.begin(position);
        self.json
            .extend_from_slice(b"{\"action\":\"get\",\"node\":");
        let Node {
            path,
            value,
            dir,
            lifetime,
            ..
        } = directory;
        open_node(
            &mut self.json,
            path.as_bytes(),
            value.as_deref(),
            *dir,
            *lifetime,
            self.now,
            self.vocabulary,
        );
        let Node {
            modified, created, ..
        } = *directory;
        self.open.push(OpenNode {
            modified,
            created,
            has_children: false,
        });
        ControlFlow::Continue(())
    }

    fn node(&mut self, depth: usize, node: ListedNode<'_>) -> ControlFlow<()> {
        debug_assert!(
            (1..=self.open.len()).contains(&depth),
            "a node follows its directory"
        );
        self.close_from(depth);
        if let Some(parent) = self.open.last_mut() {
            let separator: &[u8] = if parent.has_children {
                b","
            } else {
                b",\"nodes\":["
            };
            parent.has_children = true;
            self.json.extend_from_slice(separator);
        }
        open_node(
            &mut self.json,
            node.path,
            node.value,
            node.value.is_none(),
            node.lifetime,
            self.now,
            self.vocabulary,
        );
        let ListedNode {
            modified, created, ..
        } = node;
        self.open.push(OpenNode {
            modified,
            created,
            has_children: false,
        });
        let flow = self.outlet.written(&mut self.json);
        self.broken |= flow.is_break();
        flow
    }

    fn rows_at_most(&self) -> Option<usize> {
        O::ROWS
    }

    fn cut(&mut self) {
        self.broken = true;
        self.cut = true;
    }
}
