//! This member, as all its streams see it: who it is, where messages go, and what is told of peers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::greeted::Greeted;
use super::greeting::{Greeting, PROTOCOLS};
use super::message::StreamKind;
use super::notice::OnceAnHour;
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::node::peer::{PeerInbox, SnapshotFiles};

/// Clocks that differ by more are worth a word: times that are shown then differ between members.
const WALL_DIFFERENCE_MS: u64 = 1_000;

/// Who this member is, and how it counts time.
#[derive(Debug, Clone)]
pub(crate) struct NetworkSettings {
    pub(crate) cluster: u64,
    /// Its own id.
    pub(crate) member: u64,
    /// Drawn when the cluster was founded; 0 while it is not known.
    pub(crate) founding: u64,
    /// Whether it belongs to a founded cluster.
    pub(crate) founded: bool,
    /// Drawn when its data directory was founded.
    pub(crate) disk: u64,
    pub(crate) heartbeat: Duration,
    pub(crate) election: Duration,
    /// Of the program, for people.
    pub(crate) version: &'static str,
    /// The highest version of commands that it can apply.
    pub(crate) applies: u32,
    pub(crate) clock: Clock,
    pub(crate) metrics: Arc<Metrics>,
}

/// See the module.
pub(super) struct Local {
    pub(super) settings: NetworkSettings,
    pub(super) inbox: Arc<dyn PeerInbox>,
    pub(super) files: Arc<dyn SnapshotFiles>,
    pub(super) notices: OnceAnHour,
    /// What the others say of themselves.
    pub(super) greeted: Greeted,
    founding: AtomicU64,
    founded: AtomicBool,
}

impl Local {
    pub(super) fn new(
        settings: NetworkSettings,
        inbox: Arc<dyn PeerInbox>,
        files: Arc<dyn SnapshotFiles>,
    ) -> Arc<Self> {
        Arc::new(Self {
            inbox,
            files,
            greeted: Greeted::default(),
            notices: OnceAnHour::new(settings.clock.clone()),
            founding: settings.founding.into(),
            founded: settings.founded.into(),
            settings,
        })
    }

    /// From now on greetings say this.
    pub(super) fn set_founding(&self, founding: u64, founded: bool) {
        self.founding.store(founding, Ordering::Relaxed);
        self.founded.store(founded, Ordering::Relaxed);
    }

    pub(super) fn greeting(&self, to: u64, stream: StreamKind) -> Greeting {
        let settings = &self.settings;
        Greeting {
            protocols: PROTOCOLS,
            cluster: settings.cluster,
            from: settings.member,
            to,
            founding: self.founding.load(Ordering::Relaxed),
            stream: Some(stream),
            heartbeat_ms: milliseconds(settings.heartbeat),
            election_ms: milliseconds(settings.election),
            wall_ms: settings.clock.wall() / 1_000_000,
            version: settings.version.to_owned(),
            applies: settings.applies,
            founded: self.founded.load(Ordering::Relaxed),
            disk: settings.disk,
        }
    }

    /// Takes note of what a member says of itself, and tells an operator where two are set differently.
    pub(super) fn compare(&self, theirs: &Greeting) {
        self.greeted.note(theirs);
        let settings = &self.settings;
        let due = |what| self.notices.is_due(theirs.from, what);
        let peer = format!("{:x}", theirs.from);
        for (option, own, its) in [
            (
                "heartbeat-interval",
                settings.heartbeat,
                theirs.heartbeat_ms,
            ),
            ("election-timeout", settings.election, theirs.election_ms),
        ] {
            let own = milliseconds(own);
            if own != its && due(option) {
                tracing::warn!(
                    peer,
                    own_ms = own,
                    its_ms = its,
                    "a member has another {option}: give all the same"
                );
            }
        }
        let difference = (settings.clock.wall() / 1_000_000).abs_diff(theirs.wall_ms);
        if difference > WALL_DIFFERENCE_MS && due("wall clock") {
            tracing::warn!(
                peer,
                difference_ms = difference,
                "the clock of a member differs: let a time service set both"
            );
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
