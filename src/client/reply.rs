//! The answer of a server, whole: what its status says, and how its body is read.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::HeaderMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::decode::ParseError;
use super::endpoint::Endpoint;
use super::error::{Error, KeysError};
use super::event::KeyEvent;

/// As much of a line, or of a body without lines, as an error has room for.
const SHOWN: usize = 200;

/// An answer of a server, whatever its status below 500.
#[derive(Debug)]
pub struct ServerReply {
    /// Who answered.
    pub endpoint: Endpoint,
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl ServerReply {
    /// A header that holds a number, `None` when it is absent or none.
    pub fn number(&self, name: &str) -> Option<u64> {
        number(&self.headers, name)
    }

    /// The answer to a request on keys.
    ///
    /// # Errors
    /// The server's own error, or that this is no answer of such a server.
    pub(super) fn event(&self) -> Result<KeyEvent, Error> {
        if !matches!(self.status, 200 | 201) {
            let error = self.json::<KeysError>()?;
            return Err(Error::Api(KeysError {
                status: self.status,
                ..error
            }));
        }
        if self.body.is_empty() {
            return Err(Error::EmptyBody);
        }
        let event = KeyEvent::parse(&self.body).map_err(|error| match error {
            ParseError::Invalid(reason) => self.invalid(&reason),
            other => Error::Tree(other),
        })?;
        Ok(KeyEvent {
            etcd_index: self.number("x-etcd-index").unwrap_or(0),
            raft_index: self.number("x-raft-index").unwrap_or(0),
            raft_term: self.number("x-raft-term").unwrap_or(0),
            ..event
        })
    }

    /// The reply if its status is one of `statuses`; else the server's sentence for a status that is `explained`.
    pub(super) fn accepted(
        self,
        statuses: &[u16],
        explained: impl Fn(u16) -> bool,
    ) -> Result<ServerReply, Error> {
        #[derive(Deserialize)]
        struct Message {
            message: String,
        }
        let status = self.status;
        if statuses.contains(&status) {
            return Ok(self);
        }
        let body = serde_json::from_slice::<Message>(&self.body);
        let message = match (body, self.first_line()) {
            (Ok(body), _) if explained(status) => body.message,
            // No JSON: some other server, or a limit of this one, in its own words.
            (Err(_), Some(line)) => format!("unexpected status code {status}: {line}"),
            _ => format!("unexpected status code {status}"),
        };
        Err(Error::Refused { status, message })
    }

    /// Reads a JSON body.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| self.invalid(&error.to_string()))
    }

    /// An answer that is not understood, with its beginning.
    pub(super) fn invalid(&self, reason: &str) -> Error {
        let beginning = &self.body[..self.body.len().min(SHOWN)];
        Error::InvalidReply {
            endpoint: self.endpoint.clone(),
            status: self.status,
            gist: self.gist().into(),
            detail: format!(
                "{reason}; it begins {:?}",
                String::from_utf8_lossy(beginning)
            )
            .into(),
        }
    }

    /// Status and first line of an answer that is not understood: enough to see who it was, and mostly why.
    pub(super) fn gist(&self) -> String {
        let reason = StatusCode::from_u16(self.status)
            .ok()
            .and_then(|status| status.canonical_reason());
        let status = format!("{} {}", self.status, reason.unwrap_or_default());
        match self.first_line() {
            Some(line) => format!("{}: {line}", status.trim_end()),
            None => format!("{} without a word", status.trim_end()),
        }
    }

    /// The first line with anything in it, or as much of it as a line has room for.
    fn first_line(&self) -> Option<String> {
        // Bytes of a page that has no line in them are not worth a search.
        let beginning = String::from_utf8_lossy(&self.body[..self.body.len().min(64 * SHOWN)]);
        let line = beginning
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty())?;
        let mut shown: String = line.chars().take(SHOWN).collect();
        if shown.len() < line.len() {
            shown.push('…');
        }
        Some(shown)
    }
}

/// A header that holds a number.
pub(super) fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests;
