//! Cross-origin headers: which origins may read answers, and what every answer says about it (keys-api 1.7).

use hyper::HeaderMap;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    HeaderValue,
};

use crate::config::{self, Vocabulary};

/// The policy for origins, with the headers that go with the vocabulary.
#[derive(Debug, Clone)]
pub(crate) struct CorsPolicy {
    policy: config::Cors,
    allow_headers: HeaderValue,
}

impl CorsPolicy {
    pub(crate) fn new(policy: config::Cors, vocabulary: Vocabulary) -> Self {
        let allow_headers = match vocabulary {
            Vocabulary::Classic => HeaderValue::from_static("accept, content-type"),
            Vocabulary::Modern => HeaderValue::from_static("accept, content-type, authorization"),
        };
        Self {
            policy,
            allow_headers,
        }
    }

    /// The value of `Access-Control-Allow-Origin` for a request, or `None` if it gets no headers.
    pub(crate) fn allowed(&self, origin: Option<&HeaderValue>) -> Option<HeaderValue> {
        match &self.policy {
            config::Cors::None => None,
            config::Cors::Any => Some(HeaderValue::from_static("*")),
            config::Cors::List(listed) => {
                let origin = origin?;
                listed
                    .iter()
                    .any(|one| one.as_bytes() == origin.as_bytes())
                    .then(|| origin.clone())
            }
        }
    }

    /// Adds the three headers.
    pub(crate) fn write(&self, headers: &mut HeaderMap, allowed: HeaderValue) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, self.allow_headers.clone());
        headers.insert(
            ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("POST, GET, OPTIONS, PUT, DELETE"),
        );
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(cors: &CorsPolicy, origin: Option<&'static str>) -> Option<HeaderValue> {
        cors.allowed(origin.map(HeaderValue::from_static).as_ref())
    }

    #[test]
    fn everybody_or_nobody() {
        let any = CorsPolicy::new(config::Cors::Any, Vocabulary::Modern);
        assert_eq!(allowed(&any, None), Some(HeaderValue::from_static("*")));
        let none = CorsPolicy::new(config::Cors::None, Vocabulary::Classic);
        assert_eq!(allowed(&none, Some("http://a:1")), None);
    }

    #[test]
    fn listed_origins_are_echoed_exactly() {
        let listed = vec!["http://a:1".to_owned(), "http://b:2".to_owned()];
        let cors = CorsPolicy::new(config::Cors::List(listed), Vocabulary::Modern);
        let echoed = Some(HeaderValue::from_static("http://b:2"));
        assert_eq!(allowed(&cors, Some("http://b:2")), echoed);
        assert_eq!(allowed(&cors, Some("http://B:2")), None);
        assert_eq!(allowed(&cors, Some("http://b:22")), None);
        assert_eq!(allowed(&cors, None), None);
    }

    #[test]
    fn three_headers_are_written() {
        let cors = CorsPolicy::new(config::Cors::Any, Vocabulary::Classic);
        let mut headers = HeaderMap::new();
        cors.write(&mut headers, HeaderValue::from_static("*"));
        let written: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        assert_eq!(
            written,
            [
                ("access-control-allow-headers", &b"accept, content-type"[..]),
                (
                    "access-control-allow-methods",
                    b"POST, GET, OPTIONS, PUT, DELETE"
                ),
                ("access-control-allow-origin", b"*"),
            ]
        );
    }
}
