//! The options that every command has: how to reach the cluster, how long to wait, how to print.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::value::{bytes, duration, path};

/// Both ports under which a server of this kind has ever listened by default.
pub(super) const DEFAULT_ENDPOINTS: &str = "http://127.0.0.1:2379,http://127.0.0.1:4001";

/// The options that an environment variable can stand in for (etcdctl reference 3).
pub(crate) const VARIABLES: [(&str, &str); 9] = [
    ("discovery_srv", "ETCDCTL_DISCOVERY_SRV"),
    ("insecure_discovery", "ETCDCTL_INSECURE_DISCOVERY"),
    ("endpoints", "ETCDCTL_ENDPOINTS"),
    ("endpoint", "ETCDCTL_ENDPOINT"),
    ("peers", "ETCDCTL_PEERS"),
    ("cert_file", "ETCDCTL_CERT_FILE"),
    ("key_file", "ETCDCTL_KEY_FILE"),
    ("ca_file", "ETCDCTL_CA_FILE"),
    ("username", "ETCDCTL_USERNAME"),
];

/// The one setting without an option of its own.
pub(crate) const DISCOVERY_SRV_NAME: &str = "ETCDCTL_DISCOVERY_SRV_NAME";

/// The format of what a command prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// Values and paths alone.
    Simple,
    /// The node's indexes and TTL before its value.
    Extended,
    /// The reply as one line of JSON.
    Json,
}

/// When to colour what is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// When a person reads it on a terminal.
    Auto,
    /// In pipes and files too.
    Always,
    /// Not at all.
    Never,
}

/// When to say what to do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum HintChoice {
    /// When a person reads it on a terminal.
    Auto,
    /// In pipes and files too.
    Always,
    /// Not at all.
    Never,
}

/// The global options, with the environment and the defaults already taken into account.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Global {
    pub(crate) debug: bool,
    pub(crate) no_sync: bool,
    pub(crate) output: OutputFormat,
    pub(crate) color: ColorChoice,
    pub(crate) hints: HintChoice,
    pub(crate) discovery_srv: Option<String>,
    pub(crate) discovery_srv_name: Option<String>,
    pub(crate) insecure_discovery: bool,
    /// Comma-separated, never empty.
    pub(crate) endpoints: String,
    pub(crate) cert_file: Option<PathBuf>,
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) ca_file: Option<PathBuf>,
    /// `name` or `name:password`, never empty.
    pub(crate) username: Option<String>,
    /// `None` is no limit.
    pub(crate) timeout: Option<Duration>,
    /// `None` is no limit.
    pub(crate) total_timeout: Option<Duration>,
    /// The largest answer that is taken, in bytes.
    pub(crate) max_reply_bytes: u64,
}

/// The global options as they were written.
#[derive(Args, Clone, Debug)]
pub(crate) struct GlobalOptions {
    /// Print every request as a curl command on stderr
    #[arg(long)]
    debug: bool,
    /// Use the endpoints as given, without asking the cluster for its members first
    #[arg(long)]
    no_sync: bool,
    /// How to print replies: simple, extended or json
    #[arg(long, short, value_name = "format", default_value = "simple")]
    output: OutputFormat,
    /// Colour what is printed: auto, always or never
    #[arg(long, value_name = "when", default_value = "auto")]
    color: ColorChoice,
    /// Say below an error what to do about it: auto, always or never
    #[arg(long, value_name = "when", default_value = "auto")]
    hints: HintChoice,
    /// Find the endpoints by the DNS service records of this domain
    #[arg(long, short = 'D', value_name = "domain")]
    discovery_srv: Option<String>,
    /// Keep the endpoints without TLS that DNS names
    #[arg(long)]
    insecure_discovery: bool,
    /// Addresses of the cluster, separated by commas; http:// may be left out
    #[arg(long, value_name = "addresses")]
    endpoints: Option<String>,
    /// Older name of --endpoints
    #[arg(long, value_name = "addresses")]
    endpoint: Option<String>,
    /// Oldest name of --endpoints
    #[arg(long, short = 'C', value_name = "addresses")]
    peers: Option<String>,
    /// Certificate that identifies this client (PEM)
    #[arg(long, value_name = "file", value_parser = path())]
    cert_file: Option<PathBuf>,
    /// Private key of that certificate (PEM)
    #[arg(long, value_name = "file", value_parser = path())]
    key_file: Option<PathBuf>,
    /// Authorities that a server's certificate must come from (PEM); without it those of the system
    #[arg(long, value_name = "file", value_parser = path())]
    ca_file: Option<PathBuf>,
    /// User to act as; without a password it is asked for
    #[arg(long, short, value_name = "name[:password]")]
    username: Option<String>,
    /// Longest wait for one server to answer one request, such as 500ms or 1m30s; 0 is no limit
    #[arg(long, value_name = "duration", default_value = "2s", value_parser = duration::parse)]
    timeout: Duration,
    /// Longest time for the whole command, watches excepted; 0 is no limit
    #[arg(long, value_name = "duration", default_value = "5s", value_parser = duration::parse)]
    total_timeout: Duration,
    /// Largest answer of a server that is taken, in bytes or such as 2GiB; 0 is no limit
    #[arg(long, value_name = "bytes", default_value = "512MiB", value_parser = bytes::parse)]
    max_reply_bytes: u64,
}

/// A variable that cannot be used as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} is not valid UTF-8: set it again, or unset it")]
pub(crate) struct VariableError {
    variable: &'static str,
}

impl GlobalOptions {
    /// Adds what the environment says to what the command line says. An empty text counts as absent everywhere.
    ///
    /// Any option beats any variable: the original let `ETCDCTL_ENDPOINT` win over `-C`, so that the address somebody just
    /// typed was silently not the one used.
    ///
    /// # Errors
    /// When a variable that is needed is not text.
    pub(crate) fn resolve(
        self,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Global, VariableError> {
        let environment = FallbackVariables(variable);
        let written = [self.endpoints, self.endpoint, self.peers];
        let endpoints = match written.into_iter().find_map(not_empty) {
            Some(endpoints) => endpoints,
            None => environment
                .endpoints()?
                .unwrap_or_else(|| DEFAULT_ENDPOINTS.to_owned()),
        };
        let insecure_variable = environment.bytes("insecure_discovery").is_some();
        Ok(Global {
            debug: self.debug,
            no_sync: self.no_sync,
            output: self.output,
            color: self.color,
            hints: self.hints,
            discovery_srv: environment.text_unless(self.discovery_srv, "discovery_srv")?,
            discovery_srv_name: environment.text(DISCOVERY_SRV_NAME)?,
            insecure_discovery: self.insecure_discovery || insecure_variable,
            endpoints,
            cert_file: environment.path_unless(self.cert_file, "cert_file"),
            key_file: environment.path_unless(self.key_file, "key_file"),
            ca_file: environment.path_unless(self.ca_file, "ca_file"),
            username: environment.text_unless(self.username, "username")?,
            timeout: limit(self.timeout),
            total_timeout: limit(self.total_timeout),
            max_reply_bytes: match self.max_reply_bytes {
                0 => u64::MAX,
                bytes => bytes,
            },
        })
    }
}

fn not_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn limit(duration: Duration) -> Option<Duration> {
    (!duration.is_zero()).then_some(duration)
}

/// The variables, found by the option they stand in for.
struct FallbackVariables<F>(F);

impl<F: Fn(&str) -> Option<OsString>> FallbackVariables<F> {
    fn bytes(&self, id: &str) -> Option<OsString> {
        let (_, variable) = VARIABLES.iter().find(|(option, _)| *option == id)?;
        (self.0)(variable).filter(|value| !value.is_empty())
    }

    fn text(&self, variable: &'static str) -> Result<Option<String>, VariableError> {
        let value = (self.0)(variable).map(OsString::into_string).transpose();
        let value = value.map_err(|_| VariableError { variable })?;
        Ok(not_empty(value))
    }

    fn text_unless(
        &self,
        written: Option<String>,
        id: &str,
    ) -> Result<Option<String>, VariableError> {
        match (
            not_empty(written),
            VARIABLES.iter().find(|(option, _)| *option == id),
        ) {
            (None, Some((_, variable))) => self.text(variable),
            (written, _) => Ok(written),
        }
    }

    fn path_unless(&self, written: Option<PathBuf>, id: &str) -> Option<PathBuf> {
        let written = written.filter(|path| !path.as_os_str().is_empty());
        written.or_else(|| self.bytes(id).map(PathBuf::from))
    }

    fn endpoints(&self) -> Result<Option<String>, VariableError> {
        for id in ["endpoints", "endpoint", "peers"] {
            if let Some(found) = self.text_unless(None, id)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
