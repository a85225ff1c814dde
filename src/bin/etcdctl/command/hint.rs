//! What to do next, for the failures that everybody meets: one sentence below the error, with a command in it.
//!
//! Shown to people (standard error is a terminal) and to whoever asks for it; a script that reads standard error finds
//! the original's words alone.

use std::io::IsTerminal;

use etcd2::client::{ApiError, Attempt, Cause, DialError, Endpoint, Error, Scheme};

use super::failure::Failure;
use crate::definition::{Global, HintChoice};

/// The hints for a failure, most useful first; none when nobody wants them.
pub(super) fn hints(failure: &Failure, global: &Global) -> Vec<String> {
    let wanted = match global.hints {
        HintChoice::Always => true,
        HintChoice::Never => false,
        HintChoice::Auto => std::io::stderr().is_terminal(),
    };
    if !wanted {
        return Vec::new();
    }
    let mut hints = match failure {
        Failure::Directory { key } => vec![format!("list it with: etcdctl ls {key}")],
        Failure::Cluster { error, .. } | Failure::Bare { error, .. } => error_hints(error, global),
        _ => Vec::new(),
    };
    hints.dedup();
    hints
}

fn error_hints(error: &Error, global: &Global) -> Vec<String> {
    match error {
        Error::Api(error) => api_hint(error).into_iter().collect(),
        Error::Refused { status: 401, .. } => vec![log_in()],
        Error::InvalidReply { endpoint, detail, .. } => {
            let mut hints = vec![format!("{endpoint} answered something else: {detail}")];
            if endpoint.scheme() == Scheme::Http {
                hints.push(try_https(endpoint));
            }
            hints
        }
        Error::NoEndpoints => {
            vec!["name the cluster: etcdctl --endpoints http://HOST:2379 …".to_owned()]
        }
        Error::DeadlineExceeded => vec![
            "give the command more time with --total-timeout 30s, or ask how the cluster is: etcdctl cluster-health"
                .to_owned(),
        ],
        Error::OtherCluster { .. } => Vec::new(),
        _ => attempts_hints(error.attempts(), global),
    }
}

fn api_hint(error: &ApiError) -> Option<String> {
    let cause = &error.cause;
    Some(match error.code {
        102 => format!(
            "{cause} is a directory: list it with etcdctl ls {cause}, remove it with etcdctl rm --recursive {cause}"
        ),
        104 => format!("{cause} is a file, and files have nothing below them: etcdctl get {cause}"),
        105 => format!("it is there already: etcdctl get {cause} shows it, etcdctl set replaces it"),
        108 => format!("remove it with all that is in it: etcdctl rm --recursive {cause}"),
        110 => log_in(),
        401 => "events have been forgotten: read the key with etcdctl -o extended get, then watch with --after-index and the Etcd-Index of that answer".to_owned(),
        _ => return None,
    })
}

fn log_in() -> String {
    "name a user with --username NAME, or ETCDCTL_USERNAME".to_owned()
}

fn try_https(endpoint: &Endpoint) -> String {
    format!(
        "if the server speaks TLS, say so: --endpoints https://{}",
        endpoint.authority()
    )
}

fn attempts_hints(attempts: &[Attempt], global: &Global) -> Vec<String> {
    let mut hints: Vec<String> = attempts.iter().filter_map(attempt_hint).collect();
    let refused = attempts
        .iter()
        .any(|attempt| matches!(&attempt.cause, Cause::Dial(error) if error.is_connection()));
    if refused {
        let given = Endpoint::parse_list(&global.endpoints).unwrap_or_default();
        let announced = attempts
            .iter()
            .all(|attempt| !given.contains(&attempt.endpoint));
        hints.push(if announced {
            "these are the addresses that the cluster announces; to use yours as they are: etcdctl --no-sync …".to_owned()
        } else {
            "is the server running, and is this its address? Another one: etcdctl --endpoints http://HOST:2379 …, or ETCDCTL_ENDPOINTS".to_owned()
        });
    }
    hints
}

fn attempt_hint(attempt: &Attempt) -> Option<String> {
    let endpoint = &attempt.endpoint;
    match &attempt.cause {
        Cause::Dial(error) => dial_hint(endpoint, error),
        Cause::TlsAlert(_) => Some(
            "the server wants a certificate of yours: --cert-file FILE --key-file FILE, signed by a CA it trusts".to_owned(),
        ),
        Cause::Head(_) if endpoint.scheme() == Scheme::Http => Some(try_https(endpoint)),
        Cause::HeaderTimeout => {
            Some(format!("{endpoint} is slow or hangs; wait longer with --timeout 10s"))
        }
        Cause::NoLeader { .. } | Cause::Server { .. } if !attempt.said().is_empty() => {
            Some(format!("{endpoint} said: {}", attempt.said()))
        }
        _ => None,
    }
}

fn dial_hint(endpoint: &Endpoint, error: &DialError) -> Option<String> {
    if error.is_not_tls() {
        return Some(format!(
            "the server speaks plain HTTP: --endpoints http://{}",
            endpoint.authority()
        ));
    }
    error.is_certificate().then(|| {
        format!(
            "the certificate of {endpoint} is not trusted: name its CA with --ca-file FILE, and use a host name that the certificate holds"
        )
    })
}
