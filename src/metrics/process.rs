//! Figures of the process itself, read from the kernel when they are asked for and never cached.
//!
//! A figure that cannot be read is left out: a scrape does not fail because `/proc` is not mounted.

use std::fmt;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// The `process_*` names every Prometheus client library exports.
#[derive(Debug)]
pub(super) struct Process {
    started: f64,
}

impl Process {
    /// Taken once, early: the start time is that of this object.
    pub(super) fn new() -> Self {
        let started = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0.0, |since| since.as_secs_f64());
        Self { started }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut gauge = |name: &str, help: &str, value: f64| {
            let figure = ConstGauge::new(value);
            let inner =
                encoder.encode_descriptor(name, help, None, EncodeMetric::metric_type(&figure))?;
            figure.encode(inner)
        };
        if let Some(open) = open_files() {
            gauge("process_open_fds", "Open file descriptors", open as f64)?;
        }
        if let Some(limit) = open_files_max() {
            gauge(
                "process_max_fds",
                "Limit of open file descriptors",
                limit as f64,
            )?;
        }
        if let Some(bytes) = resident_bytes() {
            gauge(
                "process_resident_memory_bytes",
                "Memory in use, as the kernel counts it",
                bytes as f64,
            )?;
        }
        gauge(
            "process_start_time_seconds",
            "Start, in seconds since the Unix epoch",
            self.started,
        )?;
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let seconds = cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9;
        let figure = ConstCounter::new(seconds);
        let help = "Processor time used, user and system";
        let inner = encoder.encode_descriptor(
            "process_cpu_seconds",
            help,
            None,
            EncodeMetric::metric_type(&figure),
        )?;
        figure.encode(inner)
    }
}

/// How many files the process may have open; `None` for no limit.
pub(crate) fn open_files_max() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// The entry of the directory handle that does the counting is not counted.
fn open_files() -> Option<usize> {
    Some(
        fs::read_dir("/proc/self/fd")
            .ok()?
            .count()
            .saturating_sub(1),
    )
}

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}
