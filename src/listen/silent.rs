//! Connections that have asked for nothing for a while: where a port is full, the oldest of them gives way to a new one. So
//! whoever holds connections and is silent keeps nobody away. One that has just been made is about to ask.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::activity::Activity;

/// How long a client may take to ask, as soon as others need its place.
const PATIENCE: Duration = Duration::from_secs(1);

/// See the module. Those that have asked meanwhile are passed over when they are met.
#[derive(Debug)]
pub(super) struct SilentConnections {
    oldest_first: VecDeque<(Weak<Activity>, Instant)>,
    limit: usize,
}

impl SilentConnections {
    /// Of a port with so many connections.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            oldest_first: VecDeque::new(),
            limit,
        }
    }

    /// A new one.
    pub(super) fn add(&mut self, activity: &Arc<Activity>) {
        if self.oldest_first.len() > 2 * self.limit {
            self.oldest_first.retain(|(one, _)| silent(one).is_some());
        }
        let made = (Arc::downgrade(activity), Instant::now());
        self.oldest_first.push_back(made);
    }

    /// Ends the oldest. Whether there is one.
    pub(super) fn displace(&mut self) -> bool {
        while let Some((oldest, since)) = self.oldest_first.front() {
            let activity = silent(oldest);
            if activity.is_some() && since.elapsed() < PATIENCE {
                return false;
            }
            self.oldest_first.pop_front();
            if let Some(activity) = activity {
                activity.give_way();
                return true;
            }
        }
        false
    }
}

fn silent(one: &Weak<Activity>) -> Option<Arc<Activity>> {
    one.upgrade().filter(|activity| activity.is_silent())
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;
    use crate::listen::activity::Exchange;
    use crate::listen::head::BodyFraming;

    async fn gives_way(activity: &Activity) -> bool {
        timeout(Duration::from_secs(1), activity.displaced())
            .await
            .is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_that_is_there_and_has_never_asked_gives_way() {
        let mut connections = SilentConnections::new(1);
        let all: Vec<_> = (0..4).map(|_| Activity::connected()).collect();
        for activity in &all {
            connections.add(activity);
        }
        drop(Exchange::begin(&all[0], BodyFraming::Length(0)));
        let mut all = VecDeque::from(all);
        all.remove(1);
        assert!(!connections.displace(), "they are about to ask");
        tokio::time::advance(PATIENCE).await;
        assert!(connections.displace());
        let [asked, oldest, newest] = [&all[0], &all[1], &all[2]];
        assert!(!gives_way(asked).await && !gives_way(newest).await);
        assert!(gives_way(oldest).await);
        assert!(connections.displace());
        assert!(!connections.displace());
    }
}
