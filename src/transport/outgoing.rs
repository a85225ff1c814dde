//! The queue of one stream: from the consensus thread, which must not wait, to the task that writes.
//!
//! It is bounded in bytes. A message of any size fits an empty queue, so none is too large to be sent for ever.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::message::cost;
use crate::node::peer::{PeerMessage, WriteMessage};

/// After which an offer is not sent any more; about as long as its clients wait.
const OFFER_AGE: Duration = Duration::from_secs(5);

/// What became of a message.
#[derive(Debug)]
pub(super) enum Queued {
    Yes,
    /// There is no room for it. `tell` is whether it is the first message for which there is none since the queue was half
    /// empty.
    Full {
        tell: bool,
    },
    /// The stream has ended for good.
    Closed,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Outgoing {
    bytes_max: usize,
    // Held for a push or a pop.
    inner: Mutex<OutgoingState>,
    changed: Notify,
}

/// A message that waits.
#[derive(Debug)]
pub(super) struct QueuedMessage {
    pub(super) message: PeerMessage,
    cost: usize,
    since: Instant,
}

impl QueuedMessage {
    /// Whether nobody waits for it any more: who offers writes has answered their clients by now, and repeats the others.
    fn is_stale(&self, now: Instant) -> bool {
        let offer = matches!(self.message, PeerMessage::Write(WriteMessage::Offer(_)));
        offer && now.duration_since(self.since) >= OFFER_AGE
    }
}

#[derive(Debug, Default)]
struct OutgoingState {
    messages: VecDeque<QueuedMessage>,
    bytes: usize,
    /// A message was dropped since the queue was half empty.
    told: bool,
    closed: bool,
}

impl Outgoing {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            inner: Mutex::default(),
            changed: Notify::new(),
        }
    }

    fn inner(&self) -> MutexGuard<'_, OutgoingState> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a message, if there is room.
    pub(super) fn push(&self, message: PeerMessage) -> Queued {
        let cost = cost(&message);
        let mut inner = self.inner();
        if inner.closed {
            return Queued::Closed;
        }
        if inner.bytes > 0 && inner.bytes + cost > self.bytes_max {
            let tell = !std::mem::replace(&mut inner.told, true);
            return Queued::Full { tell };
        }
        inner.bytes += cost;
        let since = Instant::now();
        inner.messages.push_back(QueuedMessage {
            message,
            cost,
            since,
        });
        drop(inner);
        self.changed.notify_one();
        Queued::Yes
    }

    /// The oldest message.
    pub(super) fn pop(&self) -> Option<PeerMessage> {
        let mut inner = self.inner();
        loop {
            let first = inner.messages.pop_front()?;
            inner.bytes -= first.cost;
            if inner.bytes <= self.bytes_max / 2 {
                inner.told = false;
            }
            if !first.is_stale(Instant::now()) {
                return Some(first.message);
            }
        }
    }

    /// Ends when something may have come since the last call, or the queue was closed. For one task.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Takes everything out.
    pub(super) fn clear(&self) -> VecDeque<QueuedMessage> {
        let mut inner = self.inner();
        (inner.bytes, inner.told) = (0, false);
        std::mem::take(&mut inner.messages)
    }

    /// Takes nothing any more. What is in it stays.
    pub(super) fn close(&self) {
        self.inner().closed = true;
        self.changed.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.inner().closed
    }

    /// How many messages, and bytes, wait.
    pub(super) fn holds(&self) -> (usize, usize) {
        let inner = self.inner();
        (inner.messages.len(), inner.bytes)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use raft::eraftpb::{Entry, Message};

    use super::*;
    use crate::node::peer::{Offer, OfferedWrite};

    fn offer(request: u64, bytes: usize) -> PeerMessage {
        let proposal = Bytes::from(vec![7; bytes]);
        let writes = vec![OfferedWrite { request, proposal }];
        PeerMessage::Write(WriteMessage::Offer(Offer {
            life: 1,
            term: 1,
            sequence: 1,
            awaited: false,
            writes,
        }))
    }

    fn append(index: u64, bytes: usize) -> PeerMessage {
        let entry = Entry {
            index,
            data: vec![7; bytes],
            ..Entry::default()
        };
        PeerMessage::Raft(Message {
            entries: vec![entry],
            ..Message::default()
        })
    }

    #[test]
    fn what_does_not_fit_is_told_once_until_there_is_room_again() {
        let queue = Outgoing::new(10_000);
        for index in 0..4 {
            assert!(matches!(queue.push(append(index, 2_200)), Queued::Yes));
        }
        let told = |queued| matches!(queued, Queued::Full { tell: true });
        assert!(told(queue.push(offer(4, 2_200))));
        assert!(!told(queue.push(append(4, 2_200))));
        assert!(!told(queue.push(append(5, 2_200))));
        assert_eq!(queue.pop(), Some(append(0, 2_200)));
        assert!(matches!(queue.push(append(6, 2_200)), Queued::Yes));
        assert!(
            !told(queue.push(append(7, 2_200))),
            "it is still nearly full"
        );
        for index in [1, 2, 3] {
            assert_eq!(queue.pop(), Some(append(index, 2_200)));
        }
        assert!(matches!(queue.push(append(8, 2_200)), Queued::Yes));
        assert!(told(queue.push(append(9, 9_000))));
        let (messages, bytes) = queue.holds();
        assert!(messages == 2 && bytes <= 10_000, "{messages}, {bytes}");
        assert_eq!(queue.clear().len(), 2);
        assert_eq!((queue.holds(), queue.pop()), ((0, 0), None));
    }

    #[test]
    fn one_message_of_any_size_fits_an_empty_queue() {
        let queue = Outgoing::new(100);
        assert!(matches!(queue.push(offer(0, 1 << 20)), Queued::Yes));
        assert!(matches!(queue.push(offer(1, 0)), Queued::Full { .. }));
        assert!(queue.pop().is_some());
        assert!(matches!(queue.push(offer(2, 1 << 20)), Queued::Yes));
    }

    #[tokio::test(start_paused = true)]
    async fn an_offer_that_nobody_waits_for_is_not_sent() {
        let queue = Outgoing::new(10_000);
        queue.push(offer(0, 1));
        queue.push(append(1, 1));
        tokio::time::advance(OFFER_AGE).await;
        queue.push(offer(2, 1));
        assert_eq!(queue.pop(), Some(append(1, 1)));
        assert_eq!(queue.pop(), Some(offer(2, 1)));
        assert_eq!((queue.pop(), queue.holds()), (None, (0, 0)));
    }

    #[test]
    fn a_closed_queue_gives_what_it_has_and_takes_nothing() {
        let queue = Outgoing::new(10_000);
        assert!(matches!(queue.push(offer(0, 1)), Queued::Yes));
        queue.close();
        assert!(matches!(queue.push(offer(1, 1)), Queued::Closed));
        assert_eq!(queue.pop(), Some(offer(0, 1)));
        assert!(queue.is_closed());
    }
}
