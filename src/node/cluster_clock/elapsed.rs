//! What passed between the last command and a start, and what an operator would want to know of it.

use std::time::Duration;

use crate::clock::Clock;
use crate::command::Stamp;

/// Time without a write that is told because all of it ages keys at once: the clock may be what is wrong.
const LONG_OFF: Duration = Duration::from_secs(24 * 3600);
/// A clock that is this much behind is told, and one that is set forward by as much is written down.
pub(super) const STEP: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Elapsed {
    /// In one boot.
    Running(Duration),
    /// Across boots.
    Off(Duration),
    /// Across boots, and the wall clock is before the last command: nothing can be said, so nothing counts.
    Behind(Duration),
}

impl Elapsed {
    pub(super) fn since(last: &Stamp, clock: &Clock) -> Self {
        if last.boot == clock.boot() && last.boottime != 0 {
            let passed = clock.boottime().saturating_sub(last.boottime);
            return Self::Running(Duration::from_nanos(passed));
        }
        if last.wall == 0 {
            return Self::Off(Duration::ZERO);
        }
        let (then, now) = (last.wall.saturating_add(last.behind), clock.wall());
        match now.checked_sub(then) {
            Some(off) => Self::Off(Duration::from_nanos(off)),
            None => Self::Behind(Duration::from_nanos(then - now)),
        }
    }

    pub(super) fn counted(self) -> u64 {
        match self {
            Self::Running(passed) | Self::Off(passed) => {
                u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX)
            }
            Self::Behind(_) => 0,
        }
    }

    /// Tells what an operator would want to know before keys are missed.
    pub(super) fn tell(self) {
        match self {
            Self::Behind(by) if by >= STEP => tracing::warn!(
                "the clock is {} behind what this node has seen: keys with a TTL do not age for the time the machine was \
                 off. If the clock is wrong now, set it before the next start; if it was wrong then, such keys end late",
                in_words(by)
            ),
            Self::Running(off) | Self::Off(off) if off >= LONG_OFF => tracing::warn!(
                "{} passed since the last write, by the clock of this machine: keys whose TTL ended in that time lapse \
                 now. If the clock is wrong, set it before the next start",
                in_words(off)
            ),
            _ => {}
        }
    }
}

/// As people say it: days, hours or seconds.
pub(super) fn in_words(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 172_800.. => format!("{} days", seconds / 86_400),
        seconds @ 7_200.. => format!("{} hours", seconds / 3_600),
        seconds => format!("{seconds} s"),
    }
}
