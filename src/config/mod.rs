//! Turns arguments, environment and files into one checked [`Config`], or into an [`Exit`] that says what to do.
//!
//! One table (`catalogue`) holds every option of both vocabularies: its names, environment names, keys in files,
//! kind, default, help and standing. The readers below are driven by that table and know no option by name:
//!
//! ```text
//! defaults < /etc/etcd/etcd.conf < -config FILE < environment < flags      (--config-file FILE stands alone)
//!     |             file/              file/       environment    command_line
//!     +-------------------- settings: one value and its origin per option ------+
//!                                        |
//!                            resolve/: vocabulary, addresses, founding, timing, limits  ->  Config
//! ```
//!
//! Guarantees: no option is dropped without a notice, none is half honoured (an option of a later release stops the
//! start with a sentence), and every error names the place the value came from.

mod address;
mod catalogue;
mod command_line;
mod environment;
mod error;
mod exit;
mod file;
#[cfg(test)]
mod fuzz;
mod help;
mod host;
mod node;
mod resolve;
mod settings;
mod value;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::PathBuf;

use catalogue::{CONFIG, CONFIG_FILE, VERSION};
use command_line::CommandLine;
use error::ConfigError;
use settings::Settings;

pub use address::{ListenAddress, ListenHost};
pub(crate) use address::{comparable, peer_url};
pub use exit::Exit;
pub use host::{Host, Machine};
pub use node::{
    ClusterSettings, Config, Cors, FORM_BODY_BYTES, HostWhitelist, InitialMember, LogConfig,
    LogFormat, LogLevel, LogOutput, ReadMode, Vocabulary,
};

/// What a start was asked to do.
#[derive(Debug)]
pub enum Loaded {
    /// Run a node with this configuration.
    Run(Box<Config>),
    /// Print `text` on standard output and end with `code` (`-h`, `-version`).
    Print {
        /// The whole text, newline included.
        text: String,
        /// Process exit status, 0.
        code: i32,
    },
}

/// Reads the configuration of one node.
///
/// `args` are the arguments without the program's name; `env` is the whole environment (names outside `ETCD_` are
/// passed over); `host` is the machine the files and the host name come from.
///
/// # Errors
///
/// An [`Exit`] for an unreadable command line, a bad value anywhere, a failed check (cluster-and-config 6, 11) or an
/// option that this release recognises and refuses.
pub fn load(
    args: impl IntoIterator<Item = OsString>,
    env: impl IntoIterator<Item = (OsString, OsString)>,
    host: &dyn Host,
) -> Result<Loaded, Exit> {
    let flags = match command_line::parse(args)? {
        CommandLine::Help => {
            return Ok(Loaded::Print {
                text: help::full_text(),
                code: 0,
            });
        }
        CommandLine::Flags(flags) => flags,
    };
    if flags.bool(&VERSION) {
        return Ok(Loaded::Print {
            text: help::version_text(),
            code: 0,
        });
    }
    let environment = environment::read(env)?;
    let settings = merge(flags, environment, host)?;
    Ok(Loaded::Run(Box::new(resolve::resolve(settings, host)?)))
}

/// Applies the precedence of cluster-and-config 6.2 ("Choose").
fn merge(flags: Settings, environment: Settings, host: &dyn Host) -> Result<Settings, ConfigError> {
    let explicit = path_of(&flags, &environment, &CONFIG);
    if let Some(path) = path_of(&flags, &environment, &CONFIG_FILE) {
        if explicit.is_some() {
            return Err(ConfigError::TwoFiles);
        }
        let mut alone = file::read_required(host, &path, file::Format::Yaml)?;
        note_excluded(&mut alone, &flags, &environment, &path);
        return Ok(alone);
    }
    let mut merged = file::read_system(host)?;
    if let Some(path) = explicit {
        merged.overlay(file::read_required(host, &path, file::Format::Toml)?);
    }
    let shadowed = environment.shadowed_by(&flags);
    merged.overlay(environment);
    merged.overlay(flags);
    for (variable, flag) in shadowed {
        merged.notice(format!(
            "{variable} is shadowed by {flag}: the flag's value counts"
        ));
    }
    Ok(merged)
}

fn path_of(flags: &Settings, environment: &Settings, flag: &catalogue::Flag) -> Option<PathBuf> {
    flags
        .text(flag)
        .or_else(|| environment.text(flag))
        .map(PathBuf::from)
}

/// Says which settings an exclusive file has put out of force, so that nobody wonders why a flag has no effect.
fn note_excluded(
    alone: &mut Settings,
    flags: &Settings,
    environment: &Settings,
    path: &std::path::Path,
) {
    let left_out: Vec<String> = flags
        .given_all()
        .chain(environment.given_all())
        .filter(|(flag, _)| flag.name != CONFIG_FILE.name)
        .map(|(_, setting)| setting.origin.to_string())
        .collect();
    if !left_out.is_empty() {
        alone.notice(format!(
            "{} is the only source of settings because of --{}; without effect: {}",
            path.display(),
            CONFIG_FILE.name,
            left_out.join(", ")
        ));
    }
}
