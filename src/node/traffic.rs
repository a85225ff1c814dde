//! What this member has measured of the messages that carry entries: for `/v2/stats/leader` and `/v2/stats/self`
//! (cluster-and-config 5.1, 5.2).
//!
//! A latency is the time from an append that carries entries to the answer that it is durable there. One append for each
//! follower is timed at a time: more would say the same of the same disk. A round trip is the time from a heartbeat to its
//! answer, which waits for no disk.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use raft::eraftpb::{Message, MessageType};

use crate::metrics::{self, PeerLabel};

/// Messages that rates are made of.
const RATED: usize = 200;
/// Nanoseconds after the last message from which on there is no rate.
const STALE: u64 = 1_000_000_000;
/// Nanoseconds after which a heartbeat counts as lost: an answer that comes then is of a later one.
const LOST: u64 = 1_000_000_000;

/// What was measured of one follower. Latencies are milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct FollowerMeasure {
    /// The last one.
    pub(crate) current: f64,
    /// Their sum, and that of their squares.
    sum: f64,
    squares: f64,
    /// The least and the most.
    pub(crate) minimum: f64,
    pub(crate) maximum: f64,
    /// How many.
    pub(crate) success: u64,
    /// Messages that were lost, as far as that is known.
    pub(crate) fail: u64,
    /// The append that is timed: its last entry, and when it was sent.
    timed: Option<(u64, u64)>,
}

/// Messages and bytes of a second.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct AppendRate {
    pub(crate) messages: f64,
    pub(crate) bytes: f64,
}

/// Counted in one direction.
#[derive(Debug, Default)]
struct Direction {
    count: u64,
    /// When, and how many bytes.
    last: VecDeque<(u64, usize)>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    // Held for the messages of one step, or for a look.
    measured: Mutex<Measured>,
    round_trips: OnceLock<Family<PeerLabel, Histogram>>,
}

/// How far a leader and its followers are, as far as their messages of this term tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SeenProgress {
    /// The last entry that was sent to anybody.
    pub(crate) sent: u64,
    /// The last entry that each has acknowledged. Who has not answered yet is left out.
    pub(crate) acknowledged: BTreeMap<u64, u64>,
}

#[derive(Debug, Default)]
struct Measured {
    followers: BTreeMap<u64, FollowerMeasure>,
    progress: SeenProgress,
    /// The heartbeat to each that is timed: when it was sent.
    heartbeats: BTreeMap<u64, u64>,
    sent: Direction,
    received: Direction,
}

impl FollowerMeasure {
    /// Their mean.
    pub(crate) fn average(&self) -> f64 {
        match self.success {
            0 => 0.0,
            count => self.sum / count as f64,
        }
    }

    /// The square root of the mean of the squares less the square of the mean.
    pub(crate) fn standard_deviation(&self) -> f64 {
        let mean = self.average();
        match self.success {
            0 => 0.0,
            count => (self.squares / count as f64 - mean * mean).max(0.0).sqrt(),
        }
    }

    fn answered(&mut self, through: u64, now: u64) {
        let Some((_, sent)) = self.timed.take_if(|(last, _)| *last <= through) else {
            return;
        };
        let took = now.saturating_sub(sent) as f64 / 1e6;
        self.current = took;
        self.sum += took;
        self.squares += took * took;
        self.minimum = match self.success {
            0 => took,
            _ => self.minimum.min(took),
        };
        self.maximum = self.maximum.max(took);
        self.success += 1;
    }
}

impl Direction {
    fn count(&mut self, bytes: usize, now: u64) {
        self.count += 1;
        if self.last.len() == RATED {
            self.last.pop_front();
        }
        self.last.push_back((now, bytes));
    }

    fn rate(&self, now: u64) -> AppendRate {
        let (Some((first, _)), Some((last, _))) = (self.last.front(), self.last.back()) else {
            return AppendRate::default();
        };
        if now.saturating_sub(*last) > STALE || last <= first {
            return AppendRate::default();
        }
        let seconds = (last - first) as f64 / 1e9;
        let bytes: usize = self.last.iter().map(|(_, bytes)| bytes).sum();
        AppendRate {
            messages: self.last.len() as f64 / seconds,
            bytes: bytes as f64 / seconds,
        }
    }
}

impl Traffic {
    fn measured(&self) -> MutexGuard<'_, Measured> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Round trips are counted here from now on. Told once, at the start.
    pub(crate) fn count_round_trips(&self, into: Family<PeerLabel, Histogram>) {
        // A second telling would be of the same figures.
        let _ = self.round_trips.set(into);
    }

    /// Messages that leave now. Times are nanoseconds since boot.
    pub(crate) fn sent(&self, messages: &[Message], now: u64) {
        let told = |message: &&Message| {
            use MessageType::{MsgAppend, MsgHeartbeat};
            matches!(message.msg_type(), MsgAppend | MsgHeartbeat)
        };
        let mut measured = None;
        for message in messages.iter().filter(told) {
            let measured = measured.get_or_insert_with(|| self.measured());
            if message.msg_type() == MessageType::MsgHeartbeat {
                let sent = measured.heartbeats.entry(message.to).or_insert(now);
                if now.saturating_sub(*sent) > LOST {
                    *sent = now;
                }
                continue;
            }
            measured.sent.count(size(message), now);
            if let Some(last) = message.entries.last() {
                measured.progress.sent = measured.progress.sent.max(last.index);
                let follower = measured.followers.entry(message.to).or_default();
                follower.timed.get_or_insert((last.index, now));
            }
        }
    }

    /// A message that came.
    pub(crate) fn received(&self, message: &Message, now: u64) {
        match message.msg_type() {
            MessageType::MsgAppend => self.measured().received.count(size(message), now),
            MessageType::MsgAppendResponse if !message.reject => {
                let mut measured = self.measured();
                let known = measured.progress.acknowledged.entry(message.from);
                let known = known.or_default();
                *known = message.index.max(*known);
                if let Some(follower) = measured.followers.get_mut(&message.from) {
                    follower.answered(message.index, now);
                }
            }
            MessageType::MsgHeartbeatResponse => {
                let sent = self.measured().heartbeats.remove(&message.from);
                let took = sent.map(|sent| now.saturating_sub(sent));
                if let Some(took) = took.filter(|took| *took <= LOST)
                    && let Some(figures) = self.round_trips.get()
                {
                    let label = metrics::sent_to(message.from);
                    figures.get_or_create(&label).observe(took as f64 / 1e9);
                }
            }
            _ => {}
        }
    }

    /// What was sent to a member is lost.
    pub(crate) fn lost(&self, member: u64) {
        if let Some(follower) = self.measured().followers.get_mut(&member) {
            follower.fail += 1;
            follower.timed = None;
        }
    }

    /// This member begins to lead: what it measured in an earlier term is old.
    pub(crate) fn begin(&self) {
        let mut measured = self.measured();
        measured.followers.clear();
        measured.heartbeats.clear();
        measured.progress = SeenProgress::default();
    }

    /// How far this leader and its followers are.
    pub(crate) fn progress(&self) -> SeenProgress {
        self.measured().progress.clone()
    }

    /// What was measured of each follower.
    pub(crate) fn followers(&self) -> BTreeMap<u64, FollowerMeasure> {
        self.measured().followers.clone()
    }

    /// Appends sent, and their rate.
    pub(crate) fn sending(&self, now: u64) -> (u64, AppendRate) {
        let measured = self.measured();
        (measured.sent.count, measured.sent.rate(now))
    }

    /// Appends received, and their rate.
    pub(crate) fn receiving(&self, now: u64) -> (u64, AppendRate) {
        let measured = self.measured();
        (measured.received.count, measured.received.rate(now))
    }
}

fn size(message: &Message) -> usize {
    message.entries.iter().map(|entry| entry.data.len()).sum()
}

#[cfg(test)]
mod tests {
    use raft::eraftpb::Entry;

    use super::*;

    const MS: u64 = 1_000_000;

    fn append(to: u64, index: u64) -> Message {
        let entry = Entry {
            index,
            data: vec![0; 100],
            ..Entry::default()
        };
        let mut message = Message {
            to,
            entries: vec![entry],
            ..Message::default()
        };
        message.set_msg_type(MessageType::MsgAppend);
        message
    }

    fn answer(from: u64, index: u64) -> Message {
        let mut message = Message {
            from,
            index,
            ..Message::default()
        };
        message.set_msg_type(MessageType::MsgAppendResponse);
        message
    }

    #[test]
    fn one_append_at_a_time_is_timed_for_each_follower() {
        let traffic = Traffic::default();
        traffic.sent(&[append(2, 5), append(3, 5), append(2, 6)], 10 * MS);
        traffic.received(&answer(2, 4), 11 * MS);
        traffic.received(&answer(2, 6), 12 * MS);
        traffic.sent(&[append(2, 7)], 20 * MS);
        traffic.received(&answer(2, 7), 24 * MS);
        traffic.lost(3);
        let followers = traffic.followers();
        let quick = followers[&2];
        assert_eq!(
            (quick.current, quick.average(), quick.standard_deviation()),
            (4.0, 3.0, 1.0)
        );
        assert_eq!((quick.minimum, quick.maximum, quick.success), (2.0, 4.0, 2));
        assert_eq!((followers[&3].success, followers[&3].fail), (0, 1));
        assert_eq!(traffic.sending(24 * MS).0, 4);
    }

    #[test]
    fn what_followers_have_acknowledged_is_known_until_a_new_term() {
        let traffic = Traffic::default();
        traffic.sent(&[append(2, 5), append(3, 5), append(2, 8)], 10 * MS);
        traffic.received(&answer(2, 7), 11 * MS);
        traffic.received(&answer(2, 6), 12 * MS);
        let seen = traffic.progress();
        assert_eq!(
            (seen.sent, seen.acknowledged),
            (8, BTreeMap::from([(2, 7)]))
        );
        traffic.begin();
        assert_eq!(traffic.progress(), SeenProgress::default());
    }

    #[test]
    fn a_round_trip_is_that_of_a_heartbeat_that_was_not_lost() {
        let traffic = Traffic::default();
        let figures = crate::metrics::PeerMetrics::default().round_trip_seconds;
        traffic.count_round_trips(figures.clone());
        let of = |kind| {
            let mut message = Message {
                to: 2,
                from: 2,
                ..Message::default()
            };
            message.set_msg_type(kind);
            message
        };
        let (beat, answer) = (
            of(MessageType::MsgHeartbeat),
            of(MessageType::MsgHeartbeatResponse),
        );
        // Answered; answered after a second one; never answered, and then one that is; an answer to nothing.
        for (sent, answered) in [
            (&[0][..], Some(4)),
            (&[100, 150], Some(170)),
            (&[200], None),
            (&[2_000], Some(2_001)),
            (&[], Some(2_002)),
        ] {
            for at in sent {
                traffic.sent(std::slice::from_ref(&beat), at * MS);
            }
            if let Some(at) = answered {
                traffic.received(&answer, at * MS);
            }
        }
        let mut registry = prometheus_client::registry::Registry::default();
        registry.register("trip", "", figures);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("it is written");
        assert!(text.contains("trip_count{To=\"2\"} 3\n"), "{text}");
        let sum = text.split_once("trip_sum{To=\"2\"} ");
        let sum = sum.and_then(|(_, rest)| rest.lines().next()?.parse::<f64>().ok());
        assert!(sum.is_some_and(|sum| (sum - 0.075).abs() < 1e-9), "{text}");
    }

    #[test]
    fn rates_are_those_of_the_last_messages_and_end() {
        let traffic = Traffic::default();
        for at in 0..=300u64 {
            traffic.received(&append(1, at), at * 10 * MS);
        }
        let (count, rate) = traffic.receiving(3_000 * MS);
        assert_eq!(count, 301);
        assert!((rate.messages - 100.0).abs() < 1.0, "{rate:?}");
        assert!((rate.bytes - 10_000.0).abs() < 100.0, "{rate:?}");
        assert_eq!(traffic.receiving(4_001 * MS).1, AppendRate::default());
    }
}
