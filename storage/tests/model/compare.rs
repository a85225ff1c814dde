//! Holds what a store answers against what the model says. Whole listings are compared each time;
//! single nodes, old revisions and filters are drawn at random.

use std::fmt;

use storage::{Error, Event, EventFilter, KeyPath, Node, PastView, Store, View};

use super::Model;
use super::random::Random;
use super::subject;
use super::tree::{Place, Tree};

/// How many paths, revisions and filters are drawn for one comparison.
const DRAWS: u64 = 4;

/// Where store and model part, innermost cause last.
pub(crate) struct Difference(Vec<String>);

impl Difference {
    pub(crate) fn new(what: String) -> Self {
        Self(vec![what])
    }

    pub(crate) fn within(mut self, context: String) -> Self {
        self.0.insert(0, context);
        self
    }
}

impl fmt::Debug for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n  in "))
    }
}

/// Fails with both sides; lists are reduced to their first difference by [`equal_lists`].
pub(crate) fn equal<T: PartialEq + fmt::Debug + ?Sized>(
    what: &str,
    store: &T,
    model: &T,
) -> Result<(), Difference> {
    if store == model {
        return Ok(());
    }
    Err(Difference::new(format!(
        "{what}\n  store: {store:?}\n  model: {model:?}"
    )))
}

/// As [`equal`], with the first place where two lists differ.
pub(crate) fn equal_lists<T: PartialEq + fmt::Debug>(
    what: &str,
    store: &[T],
    model: &[T],
) -> Result<(), Difference> {
    if store == model {
        return Ok(());
    }
    let place = store
        .iter()
        .zip(model)
        .take_while(|(store, model)| store == model)
        .count();
    let lengths = format!(
        "{what}: {} and {} items, the first difference at {place}",
        store.len(),
        model.len()
    );
    Err(Difference::new(format!(
        "{lengths}\n  store: {:?}\n  model: {:?}",
        store.get(place),
        model.get(place)
    )))
}

/// The present: through the store's own doors, and through a view of it.
pub(crate) fn present(store: &Store, model: &Model, random: &mut Random) -> Result<(), Difference> {
    for path in paths(model, random) {
        let (answer, revision) = store.get(&path)?;
        equal(
            &format!("get of {path:?}"),
            &answer,
            &model.tree.node(&path),
        )?;
        equal("revision of a get", &revision, &model.revision)?;
    }
    equal("retention", &store.retention(), &model.retention)?;
    equal("revision", &store.revision(), &model.revision)?;
    deadlines(store, model)?;
    records(store, model)?;
    if random.percent(20) {
        let verified = store.lease()?.view().verify()?;
        let kept = model.events.len() as u64;
        equal(
            "verified",
            &(verified.nodes, verified.events),
            &(model.tree.len() as u64, kept),
        )?;
    }
    view(&store.lease()?.view(), model, random)
}

/// One view: the tree, its past and its history.
pub(crate) fn view(view: &View<'_>, model: &Model, random: &mut Random) -> Result<(), Difference> {
    equal("revision of a view", &view.revision(), &model.revision)?;
    equal("oldest event", &view.oldest_event(), &model.oldest_event)?;
    let whole = subject::listing(view, &KeyPath::root(), true, true)?;
    listings(
        "the whole tree",
        &whole,
        &model.tree,
        (&KeyPath::root(), true, true),
    )?;
    for path in paths(model, random) {
        equal(
            &format!("node {path:?}"),
            &view.node(&path)?,
            &model.tree.node(&path),
        )?;
        let (recursive, hidden) = (random.percent(50), random.percent(50));
        let listing = subject::listing(view, &path, recursive, hidden)?;
        listings("listing", &listing, &model.tree, (&path, recursive, hidden))?;
        history(view, model, &path)?;
    }
    for _ in 0..DRAWS {
        let revision = random.between(model.oldest_event - 1, model.revision);
        past(&view.at(revision)?, model.tree_at(revision), random)
            .map_err(|difference| difference.within(format!("at revision {revision}")))?;
        for path in paths(model, random) {
            let existed = model.tree_at(revision).node(&path).is_ok();
            equal(
                &format!("{path:?} existed at {revision}"),
                &view.existed(&path, revision)?,
                &existed,
            )?;
        }
        events(view, model, random)?;
        expiring(view, model, random)?;
    }
    outside(view, model)
}

/// The tree at one old revision.
pub(crate) fn past(
    view: &PastView<'_>,
    tree: &Tree,
    random: &mut Random,
) -> Result<(), Difference> {
    let whole = subject::past_listing(view, &KeyPath::root(), true, true)?;
    listings(
        "the whole tree",
        &whole,
        tree,
        (&KeyPath::root(), true, true),
    )?;
    for path in paths_of(tree, random) {
        equal(
            &format!("node {path:?}"),
            &view.node(&path)?,
            &tree.node(&path),
        )?;
        let (recursive, hidden) = (random.percent(50), random.percent(50));
        let listing = subject::past_listing(view, &path, recursive, hidden)?;
        listings("listing", &listing, tree, (&path, recursive, hidden))?;
    }
    Ok(())
}

fn listings(
    what: &str,
    store: &[(usize, Node)],
    tree: &Tree,
    (path, recursive, hidden): (&KeyPath, bool, bool),
) -> Result<(), Difference> {
    let what = format!("{what} of {path:?}, recursive {recursive}, hidden {hidden}");
    equal_lists(&what, store, &tree.list(path, recursive, hidden))
}

/// What no reader may be given: what lies below the oldest event, and what is still to come.
fn outside(view: &View<'_>, model: &Model) -> Result<(), Difference> {
    let (oldest_event, newest) = (model.oldest_event, model.revision);
    let given = |what: String| {
        Err(Difference::new(format!(
            "{what}, oldest event {oldest_event}, newest {newest}"
        )))
    };
    if let Some(revision) = oldest_event.checked_sub(2) {
        match view.at(revision).map(|_| ()) {
            Err(Error::Compacted {
                oldest_event: told, ..
            }) => equal("oldest event of the error", &told, &oldest_event)?,
            other => return given(format!("at {revision}: {other:?}")),
        }
    }
    match view.at(newest + 1).map(|_| ()) {
        Err(Error::Future { .. }) => {}
        other => return given(format!("at {}: {other:?}", newest + 1)),
    }
    match view.events(oldest_event - 1, EventFilter::all()).next() {
        Some(Err(Error::Compacted {
            oldest_event: told, ..
        })) => equal("oldest event of the error", &told, &oldest_event),
        other => given(format!("events from {}: {other:?}", oldest_event - 1)),
    }
}

fn events(view: &View<'_>, model: &Model, random: &mut Random) -> Result<(), Difference> {
    let from = random.between(model.oldest_event, model.revision + 1);
    let (path, recursive) = (filter_path(model, random), random.percent(50));
    let (filter, refreshes) = (EventFilter::new(&path, recursive), random.percent(50));
    let filter = if refreshes {
        filter
    } else {
        filter.without_refreshes()
    };
    let store: Vec<Event> = view.events(from, filter).collect::<Result<_, Error>>()?;
    let mut expected = model.events_matching(from, &path, recursive);
    expected.retain(|event| refreshes || !event.refresh);
    equal_lists(
        &format!("events from {from} of {path:?}, recursive {recursive}"),
        &store,
        &expected,
    )
}

fn history(view: &View<'_>, model: &Model, path: &KeyPath) -> Result<(), Difference> {
    let mut versions = Vec::new();
    for version in view.history(path) {
        let version = version?;
        versions.push((version.revision, version.node));
    }
    equal_lists(
        &format!("history of {path:?}"),
        &versions,
        &model.history(path),
    )
}

fn expiring(view: &View<'_>, model: &Model, random: &mut Random) -> Result<(), Difference> {
    let mut due = model.tree.deadlines();
    let before = match due.len() as u64 {
        0 => u64::MAX,
        count => due[random.below(count) as usize].0 + random.below(2),
    };
    let limit = random.pick(&[1, 3, usize::MAX]);
    due.retain(|(deadline, _)| *deadline < before);
    due.truncate(limit);
    let expected: Vec<_> = due
        .into_iter()
        .map(|(deadline, place)| (deadline, place.path()))
        .collect();
    equal_lists(
        &format!("expiring before {before}"),
        &view.expiring(before, limit)?,
        &expected,
    )
}

fn deadlines(store: &Store, model: &Model) -> Result<(), Difference> {
    let due = model.tree.deadlines();
    let (next, earliest) = (
        store.next_deadline(),
        due.first().map(|(deadline, _)| *deadline),
    );
    let late = earliest.is_some_and(|earliest| next.is_none_or(|next| next > earliest));
    if late {
        return Err(Difference::new(format!(
            "next deadline {next:?} is later than the earliest {earliest:?}"
        )));
    }
    Ok(())
}

fn records(store: &Store, model: &Model) -> Result<(), Difference> {
    for prefix in [&b""[..], b"m", b"m/", b"\xff"] {
        let expected = model
            .records
            .iter()
            .filter(|(key, _)| key.starts_with(prefix));
        let expected: Vec<_> = expected
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        equal_lists("records", &store.records(prefix)?, &expected)?;
    }
    for key in [&b"m"[..], b"m/1", b"none"] {
        equal(
            "record",
            &store.record(key)?,
            &model.records.get(key).cloned(),
        )?;
    }
    Ok(())
}

/// Paths worth asking for: some that are there, some beside them, some that were there once.
fn paths(model: &Model, random: &mut Random) -> Vec<KeyPath> {
    let mut paths = paths_of(&model.tree, random);
    paths.extend((0..DRAWS).map(|_| filter_path(model, random)));
    paths
}

fn paths_of(tree: &Tree, random: &mut Random) -> Vec<KeyPath> {
    let mut paths = vec![
        KeyPath::root(),
        Place::of(&KeyPath::root()).child(b"nowhere").path(),
    ];
    for _ in 0..DRAWS.min(tree.len() as u64) {
        let at = random.below(tree.len() as u64) as usize;
        let known = tree
            .entries()
            .nth(at)
            .map(|(place, _)| place.path())
            .expect("below the count");
        paths.extend(known.parent());
        paths.push(known.child(b"a"));
        paths.push(known);
    }
    paths
}

/// The path of some event, or of a directory above or a name beside it.
fn filter_path(model: &Model, random: &mut Random) -> KeyPath {
    let Some((first, _)) = model.events.first_key_value() else {
        return KeyPath::root();
    };
    let event = &model.events[&random.between(*first, model.revision)];
    let path = event.node.path.clone();
    match random.below(6) {
        0 => path.parent().unwrap_or(path),
        1 => path
            .parent()
            .and_then(|parent| parent.parent())
            .unwrap_or(path),
        2 => path.child(b"a"),
        3 => KeyPath::new([path.as_bytes(), b"x"].concat()).expect("a longer name"),
        _ => path,
    }
}
