//! Every cell of the table in keys-api 5.1, asserted of the model itself.

use bytes::Bytes;
use storage::Action::{CompareAndDelete, CompareAndSwap, Create, Delete, Set, Update};
use storage::{
    Action, Condition, Content, KeyPath, Lifetime, Operation, Outcome, Refusal, Write, WriteMode,
};

use super::{Command, Model};

pub(super) const LIFETIME: Option<Lifetime> = Some(Lifetime {
    expiration: 1_000,
    deadline: 10,
});

/// The columns of the table; "absent includes absent ancestors", so it has two, and so have
/// directories.
const TARGETS: [&str; 8] = [
    "/none",
    "/no/such/node",
    "/file",
    "/empty",
    "/full",
    "/file/x",
    "/file/x/y",
    "/",
];

/// What a cell says.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cell {
    /// 201: done, no prevNode.
    Made(Action),
    /// 200: done, with prevNode.
    Had(Action),
    /// 100, with the first missing component.
    NotFound,
    /// 101.
    Compare,
    /// 102.
    NotFile,
    /// 102 without a cause.
    NotFileBare,
    /// 104, with the file in the way.
    NotDir,
    /// 105.
    Exists,
    /// 107.
    ReadOnly,
    /// 108.
    NotEmpty,
}
use Cell::*;

pub(super) fn path(text: &str) -> KeyPath {
    KeyPath::new(text.as_bytes().to_vec()).expect("a canonical path")
}

pub(super) fn file(text: &'static str) -> Content {
    Content::File(Bytes::from_static(text.as_bytes()))
}

/// A refresh carries a TTL; the other rows do without.
fn ttl(refresh: bool) -> Option<Lifetime> {
    if refresh { LIFETIME } else { None }
}

pub(super) fn set(target: &str, content: Content, refresh: bool) -> Operation {
    Operation::Write(Write {
        path: path(target),
        mode: WriteMode::Set,
        content,
        lifetime: ttl(refresh),
        refresh,
    })
}

pub(super) fn create(target: &str, content: Content) -> Operation {
    Operation::Write(Write::new(path(target), WriteMode::Create, content))
}

pub(super) fn post(target: &str, content: Content) -> Operation {
    Operation::Write(Write::new(path(target), WriteMode::CreateInOrder, content))
}

pub(super) fn update(target: &str, value: &'static str, refresh: bool) -> Operation {
    let (path, lifetime) = (path(target), ttl(refresh));
    Operation::Write(Write {
        path,
        mode: WriteMode::Update,
        content: Content::File(value.into()),
        lifetime,
        refresh,
    })
}

pub(super) fn condition(value: Option<&'static str>, index: u64) -> Condition {
    Condition {
        value: value.map(Bytes::from),
        index,
    }
}

pub(super) fn swap(target: &str, condition: Condition, refresh: bool) -> Operation {
    let (path, value) = (
        path(target),
        if refresh {
            Bytes::new()
        } else {
            Bytes::from("new")
        },
    );
    Operation::Write(Write {
        path,
        mode: WriteMode::CompareAndSwap(condition),
        content: Content::File(value),
        lifetime: ttl(refresh),
        refresh,
    })
}

pub(super) fn delete(target: &str, dir: bool, recursive: bool) -> Operation {
    Operation::Delete {
        path: path(target),
        dir,
        recursive,
    }
}

pub(super) fn compare_delete(target: &str, condition: Condition) -> Operation {
    Operation::CompareAndDelete {
        path: path(target),
        condition,
    }
}

/// `/file` = "v" at 1, `/empty` at 2, `/full` and `/full/child` at 3.
pub(super) fn fixture() -> Model {
    let mut model = Model::new();
    for operation in [
        set("/file", file("v"), false),
        set("/empty", Content::Directory, false),
        create("/full/child", file("c")),
    ] {
        run(&mut model, operation);
    }
    model
}

pub(super) fn run(model: &mut Model, operation: Operation) -> Outcome {
    let command = Command {
        index: model.index + 1,
        cluster_time: 0,
        operations: vec![operation],
    };
    model
        .apply(&command)
        .pop()
        .expect("one outcome for one operation")
}

fn cell_of(outcome: &Outcome, target: &str) -> Cell {
    let refusal = match outcome {
        Outcome::Done(event) if event.prev.is_some() => return Had(event.action),
        Outcome::Done(event) => return Made(event.action),
        Outcome::Refused { refusal, revision } => {
            assert_eq!(*revision, 3, "a refusal tells the revision of the tree");
            refusal
        }
        other => panic!("not an answer of the table: {other:?}"),
    };
    let cause = match refusal {
        Refusal::KeyNotFound(cause) => (
            NotFound,
            cause,
            if target == "/none" { target } else { "/no" },
        ),
        Refusal::NotDirectory(cause) => (NotDir, cause, "/file"),
        Refusal::NotFile(Some(cause)) => (NotFile, cause, target),
        Refusal::AlreadyExists(cause) => (Exists, cause, target),
        Refusal::ReadOnly(cause) => (ReadOnly, cause, target),
        Refusal::DirectoryNotEmpty(cause) => (NotEmpty, cause, target),
        Refusal::NotFile(None) => return NotFileBare,
        Refusal::CompareFailed { value, index, .. } => {
            assert_eq!((value.as_ref(), *index), (&b"v"[..], 1));
            return Compare;
        }
    };
    assert_eq!(*cause.1, path(cause.2), "the cause of {:?}", cause.0);
    cause.0
}

/// A row: its name, the request, and the cells in the order of [`TARGETS`].
type Row = (&'static str, fn(&str) -> Operation, [Cell; 8]);

#[rustfmt::skip] // a table is read by its columns
fn table() -> Vec<Row> {
    vec![
        ("PUT value", |at| set(at, file("n"), false),
            [Made(Set), Made(Set), Had(Set), NotFile, NotFile, NotDir, NotDir, ReadOnly]),
        ("PUT dir", |at| set(at, Content::Directory, false),
            [Made(Set), Made(Set), Had(Set), NotFile, NotFile, NotDir, NotDir, ReadOnly]),
        ("PUT prevExist=false", |at| create(at, file("n")),
            [Made(Create), Made(Create), Exists, Exists, Exists, NotDir, NotDir, ReadOnly]),
        ("PUT prevExist=false dir", |at| create(at, Content::Directory),
            [Made(Create), Made(Create), Exists, Exists, Exists, NotDir, NotDir, ReadOnly]),
        ("PUT prevExist=true value", |at| update(at, "n", false),
            [NotFound, NotFound, Had(Update), NotFile, NotFile, NotDir, NotDir, ReadOnly]),
        ("PUT prevExist=true", |at| update(at, "", false),
            [NotFound, NotFound, Had(Update), Had(Update), Had(Update), NotDir, NotDir, ReadOnly]),
        ("PUT prevValue, equal", |at| swap(at, condition(Some("v"), 0), false),
            [NotFound, NotFound, Had(CompareAndSwap), NotFile, NotFile, NotDir, NotDir, ReadOnly]),
        ("PUT prevValue, other", |at| swap(at, condition(Some("w"), 0), false),
            [NotFound, NotFound, Compare, NotFile, NotFile, NotDir, NotDir, ReadOnly]),
        ("PUT prevIndex, equal", |at| swap(at, condition(None, 1), false),
            [NotFound, NotFound, Had(CompareAndSwap), NotFile, NotFile, NotDir, NotDir, ReadOnly]),
        ("PUT prevIndex, other", |at| swap(at, condition(None, 2), false),
            [NotFound, NotFound, Compare, NotFile, NotFile, NotDir, NotDir, ReadOnly]),
        ("PUT prevValue prevIndex, both equal", |at| swap(at, condition(Some("v"), 1), false),
            [NotFound, NotFound, Had(CompareAndSwap), NotFile, NotFile, NotDir, NotDir, ReadOnly]),
        ("PUT prevValue prevIndex, value other", |at| swap(at, condition(Some("w"), 1), false),
            [NotFound, NotFound, Compare, NotFile, NotFile, NotDir, NotDir, ReadOnly]),
        ("PUT prevValue prevIndex, index other", |at| swap(at, condition(Some("v"), 2), false),
            [NotFound, NotFound, Compare, NotFile, NotFile, NotDir, NotDir, ReadOnly]),
        ("PUT refresh", |at| set(at, file(""), true),
            [NotFound, NotFound, Had(Set), NotFile, NotFile, NotDir, NotDir, ReadOnly]),
        ("PUT refresh dir", |at| set(at, Content::Directory, true),
            [NotFound, NotFound, Had(Set), NotFile, NotFile, NotDir, NotDir, ReadOnly]),
        ("PUT refresh prevExist=true", |at| update(at, "", true),
            [NotFound, NotFound, Had(Update), Had(Update), Had(Update), NotDir, NotDir, ReadOnly]),
        ("PUT refresh prevValue, equal", |at| swap(at, condition(Some("v"), 0), true),
            [NotFound, NotFound, Had(CompareAndSwap), NotFile, NotFile, NotDir, NotDir, ReadOnly]),
        ("PUT refresh prevIndex, other", |at| swap(at, condition(None, 2), true),
            [NotFound, NotFound, Compare, NotFile, NotFile, NotDir, NotDir, ReadOnly]),
        ("POST", |at| post(at, file("n")),
            [Made(Create), Made(Create), NotDir, Made(Create), Made(Create), NotDir, NotDir, Made(Create)]),
        ("POST dir", |at| post(at, Content::Directory),
            [Made(Create), Made(Create), NotDir, Made(Create), Made(Create), NotDir, NotDir, Made(Create)]),
        ("DELETE", |at| delete(at, false, false),
            [NotFound, NotFound, Had(Delete), NotFile, NotFile, NotDir, NotDir, ReadOnly]),
        ("DELETE dir", |at| delete(at, true, false),
            [NotFound, NotFound, Had(Delete), Had(Delete), NotEmpty, NotDir, NotDir, ReadOnly]),
        ("DELETE recursive", |at| delete(at, false, true),
            [NotFound, NotFound, Had(Delete), Had(Delete), Had(Delete), NotDir, NotDir, ReadOnly]),
        ("DELETE dir recursive", |at| delete(at, true, true),
            [NotFound, NotFound, Had(Delete), Had(Delete), Had(Delete), NotDir, NotDir, ReadOnly]),
        ("DELETE prevValue, equal", |at| compare_delete(at, condition(Some("v"), 0)),
            [NotFound, NotFound, Had(CompareAndDelete), NotFile, NotFile, NotDir, NotDir, NotFileBare]),
        ("DELETE prevValue, other", |at| compare_delete(at, condition(Some("w"), 0)),
            [NotFound, NotFound, Compare, NotFile, NotFile, NotDir, NotDir, NotFileBare]),
        ("DELETE prevIndex, other", |at| compare_delete(at, condition(None, 2)),
            [NotFound, NotFound, Compare, NotFile, NotFile, NotDir, NotDir, NotFileBare]),
    ]
}

/// All requests of the table against all of its columns, for a run against a store.
pub(crate) fn requests() -> Vec<Operation> {
    let row = |(_, request, _): Row| TARGETS.iter().map(move |target| request(target));
    table().into_iter().flat_map(row).collect()
}

/// The operations that make the columns.
pub(crate) fn columns() -> Vec<Operation> {
    vec![
        delete("/none", false, true),
        delete("/no", false, true),
        delete("/file", false, true),
        delete("/empty", false, true),
        delete("/full", false, true),
        set("/file", file("v"), false),
        set("/empty", Content::Directory, false),
        create("/full/child", file("c")),
    ]
}

#[test]
fn every_cell() {
    for (name, request, cells) in table() {
        for (target, expected) in TARGETS.into_iter().zip(cells) {
            let mut model = fixture();
            let before = model.tree.clone();
            let outcome = run(&mut model, request(target));
            assert_eq!(cell_of(&outcome, target), expected, "{name} at {target}");
            let moved = matches!(outcome, Outcome::Done(_));
            assert_eq!(
                model.revision,
                if moved { 4 } else { 3 },
                "{name} at {target}: the index"
            );
            assert!(
                moved || model.tree == before,
                "{name} at {target}: a refusal leaves no trace"
            );
        }
    }
}

#[test]
fn reads_of_every_column() {
    let model = fixture();
    let answers = TARGETS.map(|target| model.tree.node(&path(target)).map(|node| node.dir));
    let missing = |at: &str| Err(Refusal::KeyNotFound(path(at)));
    let blocked = Err(Refusal::NotDirectory(path("/file")));
    let expected = [
        missing("/none"),
        missing("/no"),
        Ok(false),
        Ok(true),
        Ok(true),
        blocked.clone(),
        blocked,
        Ok(true),
    ];
    assert_eq!(answers, expected);
}
