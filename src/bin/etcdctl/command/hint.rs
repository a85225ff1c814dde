//! What to do next, for the failures that everybody meets: one sentence below the error, with a command in it.
//!
//! Shown to people (standard error is a terminal) and to whoever asks for it; a script that reads standard error finds
//! the original's words alone.

use std::io::IsTerminal;

use etcd2::client::{
    Attempt, Cause, CertificateFault, DialError, Endpoint, Error, KeysError, Scheme,
};

use super::failure::CommandFailure;
use crate::definition::{Global, HintChoice};

/// The hints for a failure, most useful first; none when nobody wants them.
pub(super) fn hints(failure: &CommandFailure, global: &Global) -> Vec<String> {
    let wanted = match global.hints {
        HintChoice::Always => true,
        HintChoice::Never => false,
        HintChoice::Auto => std::io::stderr().is_terminal(),
    };
    if !wanted {
        return Vec::new();
    }
    let mut hints = match failure {
        CommandFailure::Directory { key } => {
            vec![format!("list it with: etcdctl ls {}", word(key))]
        }
        CommandFailure::Cluster { error, .. } => error_hints(error, global),
        CommandFailure::Bare { error, .. } => error_hints(error, global),
        _ => Vec::new(),
    };
    hints.dedup();
    hints
}

fn error_hints(error: &Error, global: &Global) -> Vec<String> {
    match error {
        Error::Api(error) => api_hint(error, global).into_iter().collect(),
        Error::Refused { status: 401, .. } => vec![log_in(global)],
        Error::InvalidReply { endpoint, detail, .. } => {
            let mut hints = vec![format!("{endpoint} answered something else: {detail}")];
            if endpoint.scheme() == Scheme::Http {
                hints.push(try_https(endpoint));
            }
            hints
        }
        Error::NoEndpoints => vec![no_endpoints(global)],
        Error::DeadlineExceeded => vec![
            "give the command more time with --total-timeout 30s, or ask how the cluster is: etcdctl cluster-health"
                .to_owned(),
        ],
        Error::OtherCluster { .. } => Vec::new(),
        _ => attempts_hints(error.attempts(), global),
    }
}

fn api_hint(error: &KeysError, global: &Global) -> Option<String> {
    let key = word(&error.cause);
    Some(match error.code {
        102 => format!(
            "{key} is a directory: etcdctl ls {key} lists it, etcdctl updatedir {key} changes its TTL, etcdctl rm --recursive {key} removes all of it"
        ),
        104 => format!("{key} is a file, and files have nothing below them: etcdctl get {key}"),
        105 => format!(
            "it is there already: etcdctl -o extended get {key} shows what it is, etcdctl update {key} VALUE changes a file"
        ),
        108 => format!(
            "it is not empty: etcdctl ls --recursive {key} shows what is in it, etcdctl rm --recursive {key} removes all of it"
        ),
        110 => log_in(global),
        401 => "events have been forgotten: read the key with etcdctl -o extended get, then watch with --after-index and the Etcd-Index of that answer".to_owned(),
        _ => return None,
    })
}

fn log_in(global: &Global) -> String {
    let Some(user) = &global.username else {
        return "name a user with --username NAME, or ETCDCTL_USERNAME".to_owned();
    };
    let name = word(user.split(':').next().unwrap_or_default());
    format!(
        "the password of {name} is wrong, or {name} may not do this: etcdctl --username root user get {name} shows its roles"
    )
}

/// Either none were given, or the cluster announces none.
fn no_endpoints(global: &Global) -> String {
    match Endpoint::parse_list(&global.endpoints) {
        Ok(given) if given.is_empty() => {
            "name the cluster: etcdctl --endpoints http://HOST:2379 …".to_owned()
        }
        _ => "use the addresses as they were given: etcdctl --no-sync …; the servers announce theirs when started with --advertise-client-urls".to_owned(),
    }
}

fn try_https(endpoint: &Endpoint) -> String {
    format!(
        "if the server speaks TLS, say so: --endpoints https://{}",
        endpoint.authority()
    )
}

fn attempts_hints(attempts: &[Attempt], global: &Global) -> Vec<String> {
    let mut hints: Vec<String> = attempts.iter().filter_map(attempt_hint).collect();
    let unreachable = attempts.iter().any(|attempt| match &attempt.cause {
        Cause::Dial(error) => error.is_connection() && !is_of_proxy(error),
        _ => false,
    });
    if unreachable {
        hints.push(elsewhere(attempts, global));
    }
    hints
}

/// Where the addresses came from that nobody answers at.
fn elsewhere(attempts: &[Attempt], global: &Global) -> String {
    let given = Endpoint::parse_list(&global.endpoints).unwrap_or_default();
    let announced = attempts
        .iter()
        .all(|attempt| !given.contains(&attempt.endpoint));
    match &global.discovery_srv {
        Some(domain) if announced => format!(
            "these are addresses that the DNS names for {domain}, or that the cluster there announces; to use others: etcdctl --endpoints http://HOST:2379 … without --discovery-srv and ETCDCTL_DISCOVERY_SRV"
        ),
        None if announced => {
            "these are the addresses that the cluster announces; to use yours as they are: etcdctl --no-sync …"
                .to_owned()
        }
        _ => "is the server running, and is this its address? Another one: etcdctl --endpoints http://HOST:2379 …, or ETCDCTL_ENDPOINTS"
            .to_owned(),
    }
}

fn attempt_hint(attempt: &Attempt) -> Option<String> {
    let endpoint = &attempt.endpoint;
    match &attempt.cause {
        Cause::Dial(error) => dial_hint(endpoint, error),
        Cause::TlsAlert(_) => Some(our_certificate()),
        Cause::Head(_) if endpoint.scheme() == Scheme::Http => Some(try_https(endpoint)),
        Cause::HeaderTimeout => Some(format!(
            "{endpoint} is slow or hangs; wait longer with --timeout 10s --total-timeout 30s"
        )),
        Cause::NoLeader { .. } | Cause::Server { .. } if !attempt.said().is_empty() => {
            Some(format!("{endpoint} said: {}", beginning(attempt.said())))
        }
        _ => None,
    }
}

fn our_certificate() -> String {
    "the server wants a certificate of yours: --cert-file FILE --key-file FILE, signed by a CA it trusts".to_owned()
}

fn is_of_proxy(error: &DialError) -> bool {
    matches!(
        error,
        DialError::Proxy(_) | DialError::ProxyVariable(_) | DialError::Tunnel { .. }
    )
}

fn dial_hint(endpoint: &Endpoint, error: &DialError) -> Option<String> {
    let (host, authority) = (endpoint.host(), endpoint.authority());
    Some(match error {
        _ if is_of_proxy(error) => format!(
            "HTTP_PROXY or HTTPS_PROXY names this proxy; to go round it: NO_PROXY={host} etcdctl …"
        ),
        _ if error.is_not_tls() => {
            format!("the server speaks plain HTTP: --endpoints http://{authority}")
        }
        DialError::Closed { .. } => {
            format!("if the server speaks plain HTTP, say so: --endpoints http://{authority}")
        }
        DialError::Alert {
            certificate: true, ..
        } => our_certificate(),
        DialError::Certificate { fault, .. } => match fault {
            CertificateFault::Name => format!(
                "use a name that the certificate of {endpoint} holds instead of {host}, or have it made for {host} too"
            ),
            CertificateFault::Time => format!(
                "the certificate of {endpoint} must be renewed, unless this machine's clock is wrong: date"
            ),
            _ => format!(
                "the certificate of {endpoint} is not trusted: name the CA that signed it with --ca-file FILE"
            ),
        },
        _ => return None,
    })
}

/// A text as a word that a shell takes as it is.
fn word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-.,:@%+=".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// The first line, or as much as a line has room for: some servers answer with whole pages.
fn beginning(said: &str) -> String {
    const SHOWN: usize = 200;
    let line = said.lines().next().unwrap_or_default();
    line.chars()
        .filter(|character| !character.is_control())
        .take(SHOWN)
        .collect()
}
