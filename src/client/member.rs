//! The members API: who belongs to the cluster, and changes of that (etcdctl reference 10).

use bytes::Bytes;
use hyper::Method;
use serde::Deserialize;

use super::attempt::Attempt;
use super::cluster::Client;
use super::endpoint::{Endpoint, Scheme};
use super::error::Error;
use super::path::element;
use super::reply::ServerReply;
use super::request::{Payload, Request, Retry};

/// A member of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct MemberInfo {
    /// Hexadecimal id.
    pub id: String,
    /// Empty until it has started for the first time.
    pub name: String,
    /// Where peers reach it.
    #[serde(rename = "peerURLs", deserialize_with = "or_none")]
    pub peer_urls: Vec<String>,
    /// Where clients reach it.
    #[serde(rename = "clientURLs", deserialize_with = "or_none")]
    pub client_urls: Vec<String>,
    /// Whether it has no vote yet. Servers that know no such members do not say it.
    #[serde(rename = "isLearner")]
    pub is_learner: bool,
}

/// What a synchronisation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// The endpoints are now those that the members announce.
    Replaced,
    /// All endpoints are https and the members announce none such: the endpoints are what they were.
    Kept,
    /// The members announce none: the endpoints are what they were.
    Unpublished,
}

#[derive(Deserialize)]
struct MemberList {
    #[serde(default, deserialize_with = "or_none")]
    members: Vec<MemberInfo>,
}

/// An empty list may be written as null.
fn or_none<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
    from: D,
) -> Result<Vec<T>, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

impl Client {
    /// Replaces the endpoints by the client URLs that the members announce; servers of 0.4 are asked in their words.
    ///
    /// # Errors
    /// When the members cannot be listed; the endpoints are what they were.
    pub async fn sync(&self) -> Result<Sync, Error> {
        let reply = self.send(&Request::get("/v2/members")).await?;
        let urls = if reply.status == 404 {
            self.machines().await?
        } else {
            let members = members(reply)?;
            members
                .into_iter()
                .flat_map(|member| member.client_urls)
                .collect()
        };
        // An address that this client cannot speak to (a Unix socket) is no endpoint for it.
        let mut endpoints: Vec<Endpoint> = Vec::new();
        for endpoint in urls.iter().filter_map(|url| Endpoint::parse(url).ok()) {
            if !endpoints.contains(&endpoint) {
                endpoints.push(endpoint);
            }
        }
        if endpoints.is_empty() {
            return Ok(Sync::Unpublished);
        }
        let is_https = |endpoint: &Endpoint| endpoint.scheme() == Scheme::Https;
        if self.endpoints().iter().all(is_https) {
            // Whoever asked for TLS keeps it: passwords and values do not follow the cluster to plain addresses, which
            // are often those behind a proxy that ends TLS.
            endpoints.retain(is_https);
            if endpoints.is_empty() {
                return Ok(Sync::Kept);
            }
        }
        self.set_endpoints(endpoints);
        Ok(Sync::Replaced)
    }

    /// The client URLs as 0.4 lists them: text, separated by commas, the leader first.
    async fn machines(&self) -> Result<Vec<String>, Error> {
        let reply = self.send(&Request::get("/v2/machines")).await?;
        match std::str::from_utf8(&reply.body) {
            Ok(text) if reply.status == 200 && text.split(',').all(is_url) => {
                Ok(text.split(',').map(|url| url.trim().to_owned()).collect())
            }
            _ => Err(reply.invalid("it is no list of machines")),
        }
    }

    /// Lists the members in the server's order.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn members(&self) -> Result<Vec<MemberInfo>, Error> {
        members(self.send(&Request::get("/v2/members")).await?)
    }

    /// The member that leads.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there is none.
    pub async fn leader(&self) -> Result<MemberInfo, Error> {
        let reply = self.send(&Request::get("/v2/members/leader")).await?;
        reply.accepted(&[200], is_explained)?.json()
    }

    /// Adds a member that peers reach at these URLs.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's sentence, such as `membership: peerURL exists`.
    pub async fn add_member(&self, peer_urls: &[String]) -> Result<MemberInfo, Error> {
        let request = Request::new(
            Method::POST,
            "/v2/members",
            peer_urls_body(peer_urls),
            Retry::IfUnsent,
        );
        self.send(&request)
            .await?
            .accepted(&[201], is_explained)?
            .json()
    }

    /// Removes a member. One that is gone already counts as removed.
    ///
    /// # Errors
    /// [`Error::Refused`], or that no endpoint answered.
    pub async fn remove_member(&self, id: &str) -> Result<(), Error> {
        let target = format!("/v2/members/{}", element(id));
        let request = Request::new(Method::DELETE, target, Payload::None, Retry::Always);
        self.send(&request)
            .await?
            .accepted(&[204, 410], is_explained)
            .map(drop)
    }

    /// Changes where peers reach a member.
    ///
    /// # Errors
    /// [`Error::Refused`], or that no endpoint answered.
    pub async fn update_member(&self, id: &str, peer_urls: &[String]) -> Result<(), Error> {
        let target = format!("/v2/members/{}", element(id));
        let body = peer_urls_body(peer_urls);
        let request = Request::new(Method::PUT, target, body, Retry::Always);
        self.send(&request)
            .await?
            .accepted(&[204], is_explained)
            .map(drop)
    }

    /// Asks one member, and no other, whether it is healthy. It is a question between machines: no user is sent, and
    /// no observer told.
    ///
    /// # Errors
    /// When it does not answer, or not with an answer of that kind.
    pub async fn health(&self, endpoint: &Endpoint) -> Result<bool, HealthError> {
        #[derive(Deserialize)]
        struct Health {
            health: serde_json::Value,
        }
        let request = Request {
            probe: true,
            ..Request::get("/health")
        };
        // A member that is not well says so with status 503, which elsewhere means that nobody answered.
        let reply = self.ask(endpoint, &request).await?;
        let health: Health = serde_json::from_slice(&reply.body).map_err(|error| {
            HealthError::Reply(format!("{error}; it answered {}", reply.gist()))
        })?;
        Ok(health.health == true || health.health == "true")
    }
}

/// Why a member's health is unknown.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// It gave no answer.
    #[error("{0}")]
    Attempt(#[from] Attempt),
    /// Its answer says nothing about health.
    #[error("{0}")]
    Reply(String),
}

/// Whether a server may have written this as its address; a sentence of some other server is none.
fn is_url(text: &str) -> bool {
    let text = text.trim();
    text.starts_with("http://") || text.starts_with("https://")
}

fn members(reply: ServerReply) -> Result<Vec<MemberInfo>, Error> {
    let list: MemberList = reply.accepted(&[200], is_explained)?.json()?;
    Ok(list.members)
}

fn peer_urls_body(urls: &[String]) -> Payload {
    let mut sorted = urls.to_vec();
    sorted.sort();
    let body = serde_json::json!({ "peerURLs": sorted }).to_string();
    Payload::Json(Bytes::from(body))
}

/// The original's client never showed what the members API says to somebody without rights (etcdctl reference 10.2).
fn is_explained(status: u16) -> bool {
    status != 401
}
