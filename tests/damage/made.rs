//! The directories that are damaged, each with its past and its twin, and what each must hold: known from the answers that
//! its writers got, and from one sound start on a copy.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use super::image::Image;
use super::life::{Copied, Kind, Life, running};
use super::model::{self, Ack, Model};
use super::reading;
use super::start::launch;
use super::support::seed::Rng;
use super::support::server::Launch;
use super::tables;

/// A directory, its past and its twin.
pub(crate) struct Made {
    /// How it ended.
    pub(crate) kind: Kind,
    /// How its server is started.
    pub(crate) launch: Launch,
    /// As it was left.
    pub(crate) image: Image,
    /// What it must hold.
    pub(crate) model: Model,
    /// When it was stopped.
    pub(crate) stopped: Instant,
    /// As it was earlier, and what it held then.
    pub(crate) older: (Image, Model),
    /// What it would have become with other writes.
    pub(crate) twin: (Image, Model),
    /// Copies made while it was written.
    pub(crate) copies: Vec<Copied>,
    /// Tables that the MANIFEST does not name: a kill left them, and any start may remove them.
    pub(crate) unnamed: BTreeSet<PathBuf>,
}

impl Made {
    /// A name for replays.
    pub(crate) fn name(&self) -> &'static str {
        match self.kind {
            Kind::Clean => "clean",
            Kind::Killed => "killed",
            Kind::Compacted => "compacted",
        }
    }

    /// Lives the whole life.
    ///
    /// # Panics
    /// When an undamaged server does not do its part.
    pub(crate) fn new(kind: Kind, seed: u64) -> Made {
        let launch = launch(if kind == Kind::Compacted { 20 } else { 50_000 });
        let mut rng = Rng::new(seed);
        let home = tempfile::tempdir().expect("a temporary directory");
        let mut life = Life::begin(kind, &launch, home, &mut rng);
        life.writer.write(100);
        life.let_some_expire();
        life.stop();
        let older = life.image();
        let mut twin = life.fork(&older, "twin");
        life.again("late");
        if kind == Kind::Compacted {
            for _ in 0..2 {
                life.writer.write(45);
                life.stop();
                life.again("later");
            }
            life.write_until_released();
        }
        life.writer.write(60);
        let copies = life.finish();
        twin.writer.write(75);
        twin.stop();
        let image = life.image();
        let model = truth(&launch, &image, life.taken());
        let mut acks = life.taken();
        acks.retain(|ack| ack.index <= life.forked_at);
        let older_model = truth(&launch, &older, acks.clone());
        acks.extend(twin.taken());
        let twin_image = twin.image();
        let twin_model = truth(&launch, &twin_image, acks);
        let unnamed = unnamed(&image);
        Made {
            kind,
            launch,
            image,
            model,
            stopped: life.stopped,
            older: (older, older_model),
            twin: (twin_image, twin_model),
            copies,
            unnamed,
        }
    }
}

/// The tables that a sound start may remove.
fn unnamed(image: &Image) -> BTreeSet<PathBuf> {
    let named = tables::named(image).expect("the MANIFEST of a healthy image can be read");
    let gone = named.iter().find(|path| !image.0.contains_key(*path));
    assert_eq!(gone, None, "the MANIFEST names a table that is not there");
    image
        .tables()
        .filter(|path| !named.contains(*path))
        .cloned()
        .collect()
}

/// What the image holds, by a sound start on a copy of it.
fn truth(launch: &Launch, image: &Image, acks: Vec<Ack>) -> Model {
    let home = tempfile::tempdir().expect("a temporary directory");
    image.clone().without_spares().restore(home.path());
    let server = running(launch, home.path());
    let mut model = Model {
        acks,
        ..Model::default()
    };
    // The acknowledged events lead to the last one; history then tells the rest.
    model.events = model
        .acks
        .iter()
        .map(|a| (a.index, a.event.clone()))
        .collect();
    let last = server.index();
    model
        .events
        .entry(last)
        .or_insert_with(|| serde_json::json!({}));
    let reading = reading::read(server.addr(), &model);
    assert_eq!(
        reading.faults,
        Vec::<String>::new(),
        "{}",
        server.log_tail()
    );
    model.last = reading.index;
    model.events = reading
        .history
        .into_iter()
        .map(|event| (model::index(&event).unwrap_or(0), event))
        .collect();
    let served = reading.tree.expect("a sound start lists");
    model.check(&served);
    model
}
