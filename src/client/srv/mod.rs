//! DNS SRV discovery: the endpoints of a cluster out of one domain name (etcdctl reference 3, "SRV").

mod answer;
mod query;
mod resolver;

pub use resolver::Resolver;

use super::endpoint::{Endpoint, Scheme};
use answer::Target;

/// What a domain says about its cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovered {
    /// The https endpoints, then the http ones; in each group by priority, then the greater weight first. The answer
    /// to the same records is always the same: a client that fails over needs no dice.
    pub endpoints: Vec<Endpoint>,
    /// Why one of the two lookups found nothing, if one did.
    pub missing: Option<LookupError>,
    /// Records that name no place that can be reached, and why.
    pub unusable: Vec<LookupError>,
}

/// Why discovery found no cluster.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SrvError {
    /// Neither service is published.
    #[error("dns lookup errors: {https} and {http}")]
    Lookup {
        /// Why there are no https endpoints.
        https: LookupError,
        /// Why there are no http endpoints.
        http: LookupError,
    },
}

/// Why one name gave no SRV records.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("lookup {name}{}: {reason}", server.as_ref().map(|at| format!(" on {at}")).unwrap_or_default())]
pub struct LookupError {
    /// The name looked up.
    pub name: String,
    /// The DNS server that was asked last, if it came to that.
    pub server: Option<String>,
    /// What went wrong.
    pub reason: String,
}

/// Asks for `_etcd-client-ssl[-NAME]._tcp.DOMAIN` and `_etcd-client[-NAME]._tcp.DOMAIN`. An empty name counts as none.
///
/// # Errors
/// When neither of them leads anywhere. One is enough.
pub async fn discover(
    domain: &str,
    service_name: Option<&str>,
    resolver: &Resolver,
) -> Result<Discovered, SrvError> {
    let (https, http) = tokio::join!(
        service(Scheme::Https, domain, service_name, resolver),
        service(Scheme::Http, domain, service_name, resolver),
    );
    match (https, http) {
        (Err(https), Err(http)) => Err(SrvError::Lookup { https, http }),
        (https, http) => {
            let missing = https.as_ref().err().or(http.as_ref().err()).cloned();
            let (mut endpoints, mut unusable) = (Vec::new(), Vec::new());
            for (good, bad) in [https, http].into_iter().flatten() {
                endpoints.extend(good);
                unusable.extend(bad);
            }
            Ok(Discovered {
                endpoints,
                missing,
                unusable,
            })
        }
    }
}

/// The endpoints of one service and the records that are none. One bad record does not hide the good ones.
async fn service(
    scheme: Scheme,
    domain: &str,
    service_name: Option<&str>,
    resolver: &Resolver,
) -> Result<(Vec<Endpoint>, Vec<LookupError>), LookupError> {
    let name = query_name(scheme, domain, service_name);
    let mut targets = resolver.services(&name).await?;
    // The lowest priority first, then the weight that RFC 2782's dice would favour; the rest makes the order total.
    targets.sort_by(|a, b| {
        let left = (a.priority, b.weight, &a.host, a.port);
        left.cmp(&(b.priority, a.weight, &b.host, b.port))
    });
    targets.dedup();
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for target in &targets {
        match endpoint(scheme, target) {
            Ok(endpoint) => good.push(endpoint),
            Err(reason) => bad.push(LookupError {
                name: name.clone(),
                server: None,
                reason,
            }),
        }
    }
    match bad.pop() {
        Some(last) if good.is_empty() => Err(last),
        last => {
            bad.extend(last);
            Ok((good, bad))
        }
    }
}

/// Only host names become part of a URL.
fn endpoint(scheme: Scheme, target: &Target) -> Result<Endpoint, String> {
    let Target { host, port, .. } = target;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !host.bytes().all(fits) {
        return Err(format!("the answer names {host:?}, which is no host"));
    }
    Endpoint::parse(&format!("{}://{host}:{port}", scheme.as_str()))
        .map_err(|error| format!("its answer cannot be used: {error}"))
}

fn query_name(scheme: Scheme, domain: &str, service_name: Option<&str>) -> String {
    let service = match scheme {
        Scheme::Https => "_etcd-client-ssl",
        Scheme::Http => "_etcd-client",
    };
    match service_name {
        None | Some("") => format!("{service}._tcp.{domain}"),
        Some(name) => format!("{service}-{name}._tcp.{domain}"),
    }
}

#[cfg(test)]
mod tests;
