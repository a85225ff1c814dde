//! The tree at older revisions, against what it was then.

use storage::{Content, KeyPath, Operation, View, Write, WriteMode};

use crate::support::{Tree, bytes_path, create, delete, path, set, show, tree, tree_at, update};

/// Runs one command after the other and remembers the tree after each revision.
struct Recorded {
    tree: Tree,
    states: Vec<Vec<String>>,
}

impl Recorded {
    fn new() -> Self {
        Self {
            tree: Tree::in_memory(),
            states: vec![Vec::new()],
        }
    }

    /// Runs operations one revision at a time.
    fn run(&mut self, operations: impl IntoIterator<Item = Operation>) {
        for operation in operations {
            self.tree.done(operation);
            self.states
                .push(tree(&self.tree.store.lease().expect("open").view()));
        }
    }

    /// Every revision by walk, by look-ups of every path, and from inside out.
    fn check(&self) {
        let lease = self.tree.store.lease().expect("open");
        let view = lease.view();
        for (revision, wanted) in self
            .states
            .iter()
            .enumerate()
            .skip(view.oldest_event() as usize - 1)
        {
            let revision = revision as u64;
            assert_eq!(&tree_at(&view, revision), wanted, "revision {revision}");
            let past = view.at(revision).expect("kept");
            for state in &self.states {
                for line in state {
                    let at = line
                        .split(['=', ' '])
                        .next()
                        .expect("a path")
                        .trim_end_matches('/');
                    let node = past
                        .node(&path(at))
                        .expect("readable")
                        .ok()
                        .map(|node| show(&node));
                    let then = wanted.iter().find(|line| {
                        line.strip_prefix(at)
                            .is_some_and(|rest| rest.starts_with(['=', '/', ' ']) && is_own(rest))
                    });
                    assert_eq!(node.as_ref(), then, "{at} at {revision}");
                }
            }
        }
        self.tree.verify();
    }
}

/// Whether what follows a path in a line is the end of that node's own path.
fn is_own(rest: &str) -> bool {
    rest.starts_with(['=', ' ']) || rest.starts_with("/ ")
}

#[test]
fn lives_of_a_directory_do_not_mix() {
    let mut recorded = Recorded::new();
    recorded.run([
        set("/d/a", "1"),
        set("/d/b/c", "2"),
        update("/d", "", Some(500)),
        set("/d/a", "3"),
        delete("/d"),
        set("/d", "a file now"),
        Operation::Write(Write::new(path("/d"), WriteMode::Set, Content::Directory)),
        set("/d/b", "4"),
        delete("/d/b"),
        create("/d/b", None),
        delete("/d"),
        set("/d/b/c", "5"),
    ]);
    recorded.check();
}

#[test]
fn a_directory_is_deleted_and_made_again_in_one_command() {
    let mut tree = Tree::in_memory();
    tree.run(&[set("/d/a", "1"), set("/d/b", "2")]);
    tree.run(&[
        delete("/d"),
        set("/d/b", "3"),
        delete("/d"),
        set("/d/c", "4"),
    ]);
    let lease = tree.store.lease().expect("open");
    let view = lease.view();
    assert_eq!(
        tree_at(&view, 2),
        ["/d/ c1 m1", "/d/a=1 c1 m1", "/d/b=2 c2 m2"]
    );
    assert_eq!(tree_at(&view, 3), Vec::<String>::new());
    assert_eq!(tree_at(&view, 4), ["/d/ c4 m4", "/d/b=3 c4 m4"]);
    assert_eq!(tree_at(&view, 5), Vec::<String>::new());
    assert_eq!(tree_at(&view, 6), ["/d/ c6 m6", "/d/c=4 c6 m6"]);
    assert_eq!(crate::support::tree(&view), tree_at(&view, 6));
    tree.verify();
}

#[test]
fn any_number_of_versions_is_walked_over() {
    // Around the number of steps after which a cursor seeks.
    for versions in [1, 7, 8, 9, 10, 20, 40] {
        let mut recorded = Recorded::new();
        for round in 0..versions {
            let names = ["/a", "/a-/x", "/b/c", "/b/d/e", "/b.", "/c"];
            recorded.run(names.map(|name| set(name, &round.to_string())));
        }
        recorded.run([delete("/b"), set("/b/c", "new")]);
        let lease = recorded.tree.store.lease().expect("open");
        let view = lease.view();
        for (revision, wanted) in recorded.states.iter().enumerate() {
            assert_eq!(
                &tree_at(&view, revision as u64),
                wanted,
                "{versions} versions, revision {revision}"
            );
        }
        recorded.tree.verify();
    }
}

#[test]
fn a_subtree_above_the_bound_of_point_deletes() {
    for children in [255, 256, 257, 700] {
        let mut tree = Tree::in_memory();
        let sets: Vec<_> = (0..children)
            .map(|number| set(&format!("/d/s/{number}"), "v"))
            .collect();
        tree.run(&sets);
        tree.set("/d-", "next to it");
        tree.set("/d0", "next to it");
        let before = crate::support::tree(&tree.store.lease().expect("open").view());
        let revision = tree.store.revision();
        // The first is read into the cache, the others come from batch and store.
        assert!(tree.store.get(&path("/d/s/0")).expect("readable").0.is_ok());
        tree.run(&[
            set("/d/s/0", "w"),
            set("/d/own", "w"),
            delete("/d"),
            set("/d/s/1", "again"),
        ]);
        for gone in ["/d/s/0", "/d/s/2", "/d/own"] {
            assert!(
                tree.store.get(&path(gone)).expect("readable").0.is_err(),
                "{gone} of {children}"
            );
        }
        let end = revision + 4;
        let lease = tree.store.lease().expect("open");
        let view = lease.view();
        let wanted = [
            format!("/d/ c{end} m{end}"),
            format!("/d/s/ c{end} m{end}"),
            format!("/d/s/1=again c{end} m{end}"),
        ];
        assert_eq!(crate::support::tree(&view)[..3], wanted);
        assert_eq!(view.count().expect("readable"), 5);
        assert_eq!(tree_at(&view, revision), before);
        tree.verify();
    }
}

#[test]
fn children_of_a_directory_without_their_children() {
    let mut tree = Tree::in_memory();
    for directory in 0..30 {
        for child in 0..directory {
            tree.set(&format!("/t/d{directory:02}/c{child}"), "v");
        }
        tree.set(&format!("/t/f{directory:02}"), "v");
    }
    let revision = tree.store.revision();
    let names = |view: &View<'_>, past: bool| {
        let mut names = Vec::new();
        let mut note = |item: storage::Item<'_>| {
            assert_eq!(item.depth, 1);
            names.push(String::from_utf8_lossy(item.name()).into_owned());
        };
        if past {
            let mut walk = view
                .at(revision)
                .expect("kept")
                .walk(&path("/t"), false, true);
            while let Some(item) = walk.next().expect("readable") {
                note(item);
            }
        } else {
            let mut walk = view.walk(&path("/t"), false, true);
            while let Some(item) = walk.next().expect("readable") {
                note(item);
            }
        }
        names
    };
    let wanted: Vec<_> = (1..30)
        .map(|number| format!("d{number:02}"))
        .chain((0..30).map(|number| format!("f{number:02}")))
        .collect();
    assert_eq!(
        names(&tree.store.lease().expect("open").view(), false),
        wanted
    );
    assert_eq!(
        names(&tree.store.lease().expect("open").view(), true),
        wanted
    );
    tree.delete("/t");
    assert_eq!(
        names(&tree.store.lease().expect("open").view(), false),
        Vec::<String>::new()
    );
    assert_eq!(
        names(&tree.store.lease().expect("open").view(), true),
        wanted
    );
}

#[test]
fn any_byte_but_the_slash_may_stand_in_a_name() {
    let mut tree = Tree::in_memory();
    let mut names: Vec<Vec<u8>> = Vec::new();
    for byte in (0..=255u8).filter(|byte| *byte != b'/') {
        names.push(vec![byte]);
        names.push(vec![byte, 0xFF]);
        names.push(vec![b'd', byte]);
    }
    names.extend([
        b"d".to_vec(),
        b".".to_vec(),
        b"..".to_vec(),
        b"...".to_vec(),
        vec![0; 3],
        vec![0xFF; 3],
    ]);
    names.sort();
    names.dedup();
    let mut paths: Vec<KeyPath> = Vec::new();
    for name in &names {
        let top = KeyPath::root().child(name);
        paths.push(top.clone());
        paths.push(top.child(b"-"));
        paths.push(top.child(name));
    }
    // A list of names sorts as the tree does.
    paths.sort_by(|left, right| left.components().cmp(right.components()));
    paths.dedup();
    let operation = |at: &KeyPath| {
        Operation::Write(Write::new(
            at.clone(),
            WriteMode::Set,
            Content::File("v".into()),
        ))
    };
    let leaves: Vec<_> = paths
        .iter()
        .filter(|at| at.components().count() == 2)
        .map(operation)
        .collect();
    tree.run(&leaves);
    let lease = tree.store.lease().expect("open");
    let view = lease.view();
    let mut walk = view.walk(&KeyPath::root(), true, true);
    let mut walked = Vec::new();
    while let Some(item) = walk.next().expect("readable") {
        walked.push(bytes_path(item.path));
    }
    assert_eq!(walked, paths);
    for at in &paths {
        assert!(tree.store.get(at).expect("readable").0.is_ok(), "{at:?}");
        assert!(
            view.at(view.revision())
                .expect("kept")
                .node(at)
                .expect("readable")
                .is_ok(),
            "{at:?}"
        );
    }
    tree.verify();
}

#[test]
fn a_walk_begins_anywhere_and_ends_there() {
    let mut tree = Tree::in_memory();
    for at in ["/a/b/c", "/a/b/d", "/a/bb", "/a-/x", "/b"] {
        tree.set(at, "v");
    }
    let revision = tree.store.revision();
    let lease = tree.store.lease().expect("open");
    let view = lease.view();
    let past = view.at(revision).expect("kept");
    for (top, wanted) in [
        ("/a/b", vec!["1 /a/b/c", "1 /a/b/d"]),
        ("/a", vec!["1 /a/b", "2 /a/b/c", "2 /a/b/d", "1 /a/bb"]),
        ("/a/bb", vec![]),
        ("/none", vec![]),
    ] {
        let mut now = Vec::new();
        let mut walk = view.walk(&path(top), true, true);
        while let Some(item) = walk.next().expect("readable") {
            now.push(format!(
                "{} {}",
                item.depth,
                String::from_utf8_lossy(item.path)
            ));
        }
        assert!(
            walk.next().expect("readable").is_none(),
            "the end stays the end"
        );
        let mut then = Vec::new();
        let mut walk = past.walk(&path(top), true, true);
        while let Some(item) = walk.next().expect("readable") {
            then.push(format!(
                "{} {}",
                item.depth,
                String::from_utf8_lossy(item.path)
            ));
        }
        assert!(
            walk.next().expect("readable").is_none(),
            "the end stays the end"
        );
        assert_eq!(
            (&now, &then),
            (
                &wanted.iter().map(|line| (*line).to_owned()).collect(),
                &now
            ),
            "{top}"
        );
    }
}

/// A look-up in the past goes up from name to name; that must not take stack for each.
#[test]
fn the_past_of_a_deep_path_is_found() {
    let body = || {
        let mut tree = Tree::in_memory();
        let deep = "/a".repeat(600);
        let set = tree.set(&deep, "x");
        tree.delete("/a");
        let lease = tree.store.lease().expect("open");
        let view = lease.view();
        assert!(view.existed(&path(&deep), set).expect("readable"));
        assert!(!view.existed(&path(&deep), set + 1).expect("readable"));
        assert!(
            !view
                .existed(&path(&format!("{deep}/b")), set)
                .expect("readable")
        );
    };
    let thread = std::thread::Builder::new()
        .stack_size(256 << 10)
        .spawn(body);
    thread.expect("a thread").join().expect("no overflow");
}
