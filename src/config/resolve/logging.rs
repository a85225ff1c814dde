//! Log settings from three generations of options: `-v`, `--debug`, `--log-level` with `--logger`.

use std::path::PathBuf;

use super::super::catalogue::{
    DEBUG, LOG_FORMAT, LOG_LEVEL, LOG_OUTPUTS, LOGGER, VERBOSE, VERY_VERBOSE, VERY_VERY_VERBOSE,
};
use super::super::node::{LogConfig, LogFormat, LogLevel, LogOutput};
use super::super::settings::Settings;

/// The log settings; an explicit `--log-level` or `--log-format` stands above the older options.
pub(super) fn log(settings: &mut Settings) -> LogConfig {
    LogConfig {
        level: level(settings),
        format: format(settings),
        outputs: outputs(settings),
    }
}

fn level(settings: &Settings) -> LogLevel {
    if settings.filled(&LOG_LEVEL).is_none() {
        if settings.bool(&VERY_VERY_VERBOSE) {
            return LogLevel::Trace;
        }
        if settings.bool(&VERY_VERBOSE) || settings.bool(&DEBUG) {
            return LogLevel::Debug;
        }
        if settings.bool(&VERBOSE) {
            return LogLevel::Info;
        }
    }
    match settings.text(&LOG_LEVEL).as_deref() {
        Some("trace") => LogLevel::Trace,
        Some("debug") => LogLevel::Debug,
        Some("warn") => LogLevel::Warn,
        Some("error" | "dpanic" | "panic" | "fatal") => LogLevel::Error,
        _ => LogLevel::Info,
    }
}

fn format(settings: &Settings) -> LogFormat {
    let zap = settings.text(&LOGGER).as_deref() == Some("zap");
    match settings.text(&LOG_FORMAT).as_deref() {
        Some("json") => LogFormat::Json,
        _ if zap && settings.given(&LOG_FORMAT).is_none() => LogFormat::Json,
        _ => LogFormat::Text,
    }
}

fn outputs(settings: &mut Settings) -> Vec<LogOutput> {
    let mut outputs = Vec::new();
    for text in settings.list(&LOG_OUTPUTS) {
        let output = match text.as_str() {
            "default" | "stderr" => LogOutput::Stderr,
            "stdout" => LogOutput::Stdout,
            "systemd/journal" => {
                settings.notice(
                    "log output systemd/journal is standard error, which systemd keeps".to_owned(),
                );
                LogOutput::Stderr
            }
            path => LogOutput::File(PathBuf::from(path)),
        };
        if !outputs.contains(&output) {
            outputs.push(output);
        }
    }
    if outputs.is_empty() {
        outputs.push(LogOutput::Stderr);
    }
    outputs
}
