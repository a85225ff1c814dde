//! Signals that stop the process, and those that must not.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals so soon after the first are that one again. SIGHUP never is another.
const ONE_WISH: Duration = Duration::from_secs(1);

/// Somebody who means another program (the original ends by SIGUSR1 too, log rotation sends it): the process goes on. To be
/// called before the first file is written; until [`Signals::new`] nobody hears of them.
pub(super) fn outlive_user_signals() -> io::Result<()> {
    for number in [signal_hook::consts::SIGUSR1, signal_hook::consts::SIGUSR2] {
        signal_hook::flag::register(number, Arc::default())?;
    }
    Ok(())
}

/// Whether this process was started with SIGHUP ignored (`nohup`). Where the system does not tell, it was not.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // The lowest bit is signal 1.
    mask.is_some_and(|mask| mask & 1 == 1)
}

/// Those that the process hears of.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// The terminal went away; `None` under `nohup`.
    hangup: Option<Signal>,
    user: [Signal; 2],
}

impl Signals {
    /// From when this returns they no longer kill the process. To be called inside a runtime.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: match hangup_is_ignored() {
                true => None,
                false => Some(signal(SignalKind::hangup())?),
            },
            user: [
                signal(SignalKind::user_defined1())?,
                signal(SignalKind::user_defined2())?,
            ],
        })
    }

    /// The next one that says to stop.
    pub(super) async fn next(&mut self) -> &'static str {
        let [first, second] = &mut self.user;
        loop {
            let hangup = async {
                match &mut self.hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            let unused = tokio::select! {
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
                _ = hangup => return "SIGHUP",
                _ = first.recv() => "SIGUSR1",
                _ = second.recv() => "SIGUSR2",
            };
            tracing::info!(
                "{unused} has no meaning here and is ignored: SIGTERM stops this process"
            );
        }
    }

    /// The next one that says to stop at once; `begun` is when the first came. Supervisors send one wish as several
    /// signals: systemd SIGHUP behind SIGTERM, `timeout` and shells to the process and to its group.
    pub(super) async fn again(&mut self, begun: Instant) -> &'static str {
        loop {
            let name = self.next().await;
            if name != "SIGHUP" && begun.elapsed() >= ONE_WISH {
                return name;
            }
        }
    }
}
