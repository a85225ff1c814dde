//! Discovery: the endpoints of a cluster out of one domain name (etcdctl reference 3, "SRV").

use super::endpoint::{Endpoint, Scheme};
use crate::dns::{LookupError, Resolver, ServiceRecord};

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
pub enum DiscoveryError {
    /// Neither service is published.
    #[error("dns lookup errors: {https} and {http}")]
    Lookup {
        /// Why there are no https endpoints.
        https: LookupError,
        /// Why there are no http endpoints.
        http: LookupError,
    },
}

/// Asks for `_etcd-client-ssl[-NAME]._tcp.DOMAIN` and `_etcd-client[-NAME]._tcp.DOMAIN`. An empty name counts as none.
///
/// # Errors
/// When neither of them leads anywhere. One is enough.
pub async fn discover(
    domain: &str,
    service_name: Option<&str>,
    resolver: &Resolver,
) -> Result<Discovered, DiscoveryError> {
    let (https, http) = tokio::join!(
        service(Scheme::Https, domain, service_name, resolver),
        service(Scheme::Http, domain, service_name, resolver),
    );
    match (https, http) {
        (Err(https), Err(http)) => Err(DiscoveryError::Lookup { https, http }),
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
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for record in resolver.services(&name).await? {
        match endpoint(scheme, &record) {
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
fn endpoint(scheme: Scheme, record: &ServiceRecord) -> Result<Endpoint, String> {
    let ServiceRecord { host, port, .. } = record;
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
