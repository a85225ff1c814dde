//! The process's log: levels, text or JSON lines, to standard error, standard output or files.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::Mutex;

use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::config::{LogConfig, LogFormat, LogLevel, LogOutput};

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
    /// The process has a log already.
    #[error("the log is set up already: {0}")]
    Twice(#[from] TryInitError),
}

type Output = Box<dyn Layer<Registry> + Send + Sync>;

/// Sets up the log of the process; once.
pub fn init(config: &LogConfig) -> Result<(), LoggingError> {
    let outputs = config
        .outputs
        .iter()
        .map(|output| layer(output, config))
        .collect::<Result<Vec<Output>, LoggingError>>()?;
    tracing_subscriber::registry().with(outputs).try_init()?;
    Ok(())
}

fn layer(output: &LogOutput, config: &LogConfig) -> Result<Output, LoggingError> {
    Ok(match output {
        LogOutput::Stderr => lines(config, io::stderr, io::stderr().is_terminal()),
        LogOutput::Stdout => lines(config, io::stdout, io::stdout().is_terminal()),
        LogOutput::File(path) => {
            let open = OpenOptions::new().create(true).append(true).open(path);
            let file = open.map_err(|source| LoggingError::Open {
                path: path.clone(),
                source,
            })?;
            lines(config, Mutex::new(file), false)
        }
    })
}

fn lines<W>(config: &LogConfig, writer: W, colours: bool) -> Output
where
    W: for<'a> fmt::MakeWriter<'a> + Send + Sync + 'static,
{
    let level = filter(config.level);
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

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
