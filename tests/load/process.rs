//! What the system says of a process.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// At one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    /// Bytes of resident memory.
    pub(crate) resident: u64,
    /// Open descriptors.
    pub(crate) descriptors: u64,
    pub(crate) threads: u64,
}

/// `None` once the process has ended.
pub(crate) fn figures(pid: u32) -> Option<Figures> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
    Some(Figures {
        resident: kibibytes(&status, "VmRSS:")?,
        descriptors: descriptors as u64,
        threads: field(&status, "Threads:")?.parse().ok()?,
    })
}

/// Descriptors that are sockets: the store opens and closes files whenever it likes.
pub(crate) fn sockets(pid: u32) -> Option<u64> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let links = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    let sockets = links.filter(|link| link.to_string_lossy().starts_with("socket:"));
    Some(sockets.count() as u64)
}

/// The highest resident memory since [`forget_peak`], or since the process began where that is not allowed.
pub(crate) fn peak(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    kibibytes(&status, "VmHWM:")
}

/// Lets [`peak`] begin anew; false where the system does not allow it.
pub(crate) fn forget_peak(pid: u32) -> bool {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").is_ok()
}

/// Processor time used so far, in the system's ticks: for ratios.
pub(crate) fn processor_ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before the bracket may hold anything; user and system time are the 12th and 13th word behind it.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut words = rest.split(' ').skip(11);
    let user: u64 = words.next()?.parse().ok()?;
    let system: u64 = words.next()?.parse().ok()?;
    Some(user + system)
}

/// Lets this process, and what it starts, open as many files as it is allowed to.
pub(crate) fn take_all_descriptors() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let all = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, all).expect("the hard limit may be taken");
}

/// How many connections this process can hold beside what it needs itself.
pub(crate) fn connections_left() -> usize {
    const OWN: u64 = 300;
    let most = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    usize::try_from(most.saturating_sub(OWN)).unwrap_or(usize::MAX)
}

fn kibibytes(status: &str, name: &str) -> Option<u64> {
    let number: u64 = field(status, name)?.strip_suffix(" kB")?.parse().ok()?;
    Some(number << 10)
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.map(str::trim)
}
