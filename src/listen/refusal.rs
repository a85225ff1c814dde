//! Connections over the limit: each is told so, all are counted, and the log hears of them now and again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::activity::Activity;
use super::limit::PortLimits;
use super::socket::Socket;

/// A node without a place for clients has none for `/metrics` and `/health` either, so the log says it; not more often.
const AGAIN: Duration = Duration::from_secs(60);

/// What one port has refused.
pub(super) struct RefusedConnections {
    limit: usize,
    whose: &'static str,
    when_taken: &'static str,
    permits: Arc<Semaphore>,
    untold: u64,
    told: Option<Instant>,
}

impl RefusedConnections {
    /// So many refusals as the limit says are sent at a time; of a flood beyond it nobody is waited for.
    pub(super) fn new(limits: &PortLimits) -> Self {
        Self {
            limit: limits.max_connections,
            whose: limits.whose,
            when_taken: limits.when_taken,
            permits: Arc::new(Semaphore::new(limits.max_refusals)),
            untold: 0,
            told: None,
        }
    }

    /// Refuses a connection, in the background.
    pub(super) fn refuse(&mut self, stream: TcpStream) {
        if let Some(count) = self.due(Instant::now()) {
            let (limit, whose, advice) = (self.limit, self.whose, self.when_taken);
            tracing::warn!(
                "all {limit} {whose} connections are taken, {count} more refused with 503: {advice}"
            );
        }
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            tokio::spawn(async move {
                say(stream).await;
                drop(permit);
            });
        } else {
            // As much as can be done without waiting: who has sent much may see a reset instead.
            let _ = stream.try_write(ANSWER.as_bytes());
        }
    }

    /// One more. How many there were since the log was told last, if it is to be told now.
    fn due(&mut self, now: Instant) -> Option<u64> {
        self.untold += 1;
        let due = self
            .told
            .is_none_or(|told| now.duration_since(told) >= AGAIN);
        due.then(|| {
            self.told = Some(now);
            std::mem::take(&mut self.untold)
        })
    }
}

const ANSWER: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n\
                      X-Content-Type-Options: nosniff\r\nConnection: close\r\nContent-Length: 21\r\n\r\n\
                      too many connections\n";

/// 503, without reading the request, but with patience for a client that sends it before it reads.
async fn say(stream: TcpStream) {
    let mut socket = Socket::new(stream, Activity::connected());
    // The client may be gone, which is as good.
    let say = async {
        socket.write_all(ANSWER.as_bytes()).await.is_ok() && socket.shutdown().await.is_ok()
    };
    drop(timeout(Duration::from_secs(2), say).await);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_at_once_and_the_others_once_a_minute() {
        let begun = Instant::now();
        let mut away = RefusedConnections::new(&PortLimits::of_a_test());
        for (seconds, told) in [
            (0, Some(1)),
            (1, None),
            (59, None),
            (61, Some(3)),
            (62, None),
            (500, Some(2)),
        ] {
            let now = begun + Duration::from_secs(seconds);
            assert_eq!(away.due(now), told, "after {seconds} s");
        }
    }
}
