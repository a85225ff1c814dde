//! The process's log: levels, text or JSON lines, to standard error, standard output or files.
//!
//! ```text
//! event ─ limit   repeated warnings are counted, not written
//!     └─ layer    one for each output: level, form
//!         └─ queue    bounded; its thread alone waits for whoever reads
//! ```
//!
//! Nothing is lost in the normal case: [`finish`] waits for the lines that still wait, and so does a panic
//! (`server::panic`).

mod limit;
mod queue;

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::config::{LogConfig, LogFormat, LogLevel, LogOutput};
use limit::{LeftOut, Limit, LimitLayer};
use queue::Queue;

/// How long the end of the process waits for its last lines: whoever reads them may not.
const LAST_LINES: Duration = Duration::from_secs(1);
/// Between two looks whether lines were left out.
const LOOK: Duration = Duration::from_secs(5);

/// The outputs of the process.
static OUTPUTS: OnceLock<Vec<Arc<Queue>>> = OnceLock::new();
/// What was left out.
static LIMIT: OnceLock<Limit> = OnceLock::new();

/// Why the log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// A log file cannot be opened.
    #[error("cannot open the log file {path}: {source}")]
    Open {
        /// Which.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// Standard output or standard error is closed, or there is no thread.
    #[error("the log cannot be written: {0}")]
    System(#[from] io::Error),
    /// The process has a log already.
    #[error("the log is set up already: {0}")]
    Twice(#[from] TryInitError),
}

type Output = Box<dyn Layer<Registry> + Send + Sync>;

/// Sets up the log of the process; once.
pub fn init(config: &LogConfig) -> Result<(), LoggingError> {
    let mut queues = Vec::with_capacity(config.outputs.len());
    let mut layers: Vec<Output> = Vec::with_capacity(config.outputs.len());
    for output in &config.outputs {
        let (file, colours) = open(output)?;
        let queue = Queue::start(file, lost(config.format))?;
        layers.push(lines(config, Arc::clone(&queue), colours));
        queues.push(queue);
    }
    let limit = LIMIT.get_or_init(Limit::default);
    subscriber(layers, limit).try_init()?;
    // Set once, as the subscriber is.
    let _ = OUTPUTS.set(queues);
    thread::Builder::new()
        .name("log-limit".to_owned())
        .spawn(move || {
            loop {
                thread::sleep(LOOK);
                tell(limit.due(Instant::now()));
            }
        })?;
    Ok(())
}

fn subscriber(layers: Vec<Output>, limit: &'static Limit) -> impl Subscriber + Send + Sync {
    // With a filter, though it looks at warnings alone: a layer without one would switch on every line of every level.
    let gate = LimitLayer(limit).with_filter(LevelFilter::WARN);
    tracing_subscriber::registry().with(layers).with(gate)
}

/// The process ends now: waits a moment for the lines that are not written yet. To be called last.
pub fn finish() {
    expect_the_end();
    if let Some(limit) = LIMIT.get() {
        tell(limit.rest());
    }
    drain();
}

/// From now on no line is lost for want of room: what follows says why the process ends.
pub fn expect_the_end() {
    outputs().for_each(|queue| queue.expect_the_end());
}

fn outputs() -> impl Iterator<Item = &'static Arc<Queue>> {
    OUTPUTS.get().into_iter().flatten()
}

/// Waits a moment for the lines that are not written yet.
pub fn drain() {
    let deadline = Instant::now() + LAST_LINES;
    outputs().for_each(|queue| {
        queue.drain(deadline);
    });
}

fn tell(left_out: Vec<LeftOut>) {
    for LeftOut {
        count,
        words,
        target,
    } in left_out
    {
        tracing::warn!("{count} more lines like this one of {target} were left out: {words}");
    }
}

/// Where the lines go, and whether colours are understood there.
fn open(output: &LogOutput) -> Result<(File, bool), LoggingError> {
    // A copy of the descriptor: the standard library's own stream has a lock that a stalled reader would hold.
    let copy =
        |stream: &dyn AsFd| -> io::Result<File> { Ok(stream.as_fd().try_clone_to_owned()?.into()) };
    Ok(match output {
        LogOutput::Stderr => (copy(&io::stderr())?, io::stderr().is_terminal()),
        LogOutput::Stdout => (copy(&io::stdout())?, io::stdout().is_terminal()),
        LogOutput::File(path) => {
            let failed = |source| LoggingError::Open {
                path: path.clone(),
                source,
            };
            // A pipe that nobody reads would hold the start for ever; so it is refused (ENXIO).
            let open = OpenOptions::new()
                .create(true)
                .append(true)
                .custom_flags(OFlags::NONBLOCK.bits() as i32)
                .open(path);
            let file = open.map_err(failed)?;
            let flags = fcntl_getfl(&file).map_err(|error| failed(error.into()))?;
            fcntl_setfl(&file, flags - OFlags::NONBLOCK).map_err(|error| failed(error.into()))?;
            (file, false)
        }
    })
}

fn lines(config: &LogConfig, queue: Arc<Queue>, colours: bool) -> Output {
    let level = filter(config.level);
    let writer = move || Line(Arc::clone(&queue));
    match config.format {
        LogFormat::Text => fmt::layer()
            .with_ansi(colours)
            .with_writer(writer)
            .with_filter(level)
            .boxed(),
        LogFormat::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(writer)
            .with_filter(level)
            .boxed(),
    }
}

/// Takes one line: the formatter writes each as a whole.
struct Line(Arc<Queue>);

impl io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// In the form of the lines around it.
fn lost(format: LogFormat) -> queue::LostLine {
    const WORDS: &str = "lines of the log were lost here: whoever reads it did not keep up";
    match format {
        LogFormat::Text => |count| format!("{}  WARN {}: {count} {WORDS}\n", now(), module_path!()),
        LogFormat::Json => |count| {
            let (now, module) = (now(), module_path!());
            format!(
                "{{\"timestamp\":\"{now}\",\"level\":\"WARN\",\"message\":\"{count} {WORDS}\",\"target\":\"{module}\"}}\n"
            )
        },
    }
}

fn now() -> String {
    let mut text = String::new();
    // A time that cannot be written is left out.
    let _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(format: LogFormat, say: impl FnOnce()) -> (Option<LevelFilter>, String) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("log");
        let config = LogConfig {
            level: LogLevel::Info,
            format,
            outputs: Vec::new(),
        };
        let (file, colours) = open(&LogOutput::File(path.clone())).expect("made");
        let queue = Queue::start(file, lost(format)).expect("a thread");
        let limit: &'static Limit = Box::leak(Box::default());
        let layers = vec![lines(&config, Arc::clone(&queue), colours)];
        let subscriber = subscriber(layers, limit);
        let hint = subscriber.max_level_hint();
        tracing::subscriber::with_default(subscriber, || {
            say();
            tell(limit.rest());
        });
        assert!(queue.drain(Instant::now() + Duration::from_secs(60)));
        (hint, std::fs::read_to_string(path).expect("text"))
    }

    #[test]
    fn what_is_not_written_is_not_even_made() {
        let (hint, text) = logged(LogFormat::Text, || tracing::debug!("nobody asked"));
        assert_eq!(hint, Some(LevelFilter::INFO));
        assert_eq!(text, "");
    }

    #[test]
    fn a_flood_of_warnings_is_cut_and_counted_and_nothing_else_is() {
        let (_, text) = logged(LogFormat::Text, || {
            for number in 0..400 {
                tracing::warn!(number, "slow request");
                tracing::info!("note {number}");
            }
        });
        let count = |words: &str| text.lines().filter(|line| line.contains(words)).count();
        assert_eq!(count("note"), 400);
        assert_eq!(count(" slow request number="), 20);
        assert_eq!(count("380 more lines like this one"), 1, "{text}");
    }

    #[test]
    fn lines_in_the_place_of_lost_ones_have_the_form_of_the_others() {
        let (_, text) = logged(LogFormat::Json, || tracing::warn!("words"));
        let members = |line: &str| -> Vec<String> {
            let line: serde_json::Value = serde_json::from_str(line).expect("an object");
            let members = line.as_object().expect("an object").keys();
            members.cloned().collect()
        };
        assert_eq!(members(&text), members(&lost(LogFormat::Json)(7)));
        let text = lost(LogFormat::Text)(7);
        assert!(text.contains("Z  WARN etcd2::logging: 7 lines"), "{text}");
    }
}
