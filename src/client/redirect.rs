//! Where a redirect leads. Method and body go along unchanged (etcdctl reference 4): a follower that points to its
//! leader means this very request.

use hyper::header::HeaderValue;

use super::attempt::Cause;
use super::endpoint::{Endpoint, Scheme};

/// The place and the target that a `Location` names, seen from `place`. Its query is its own.
pub(super) fn follow(
    place: &Endpoint,
    location: Option<&HeaderValue>,
) -> Result<(Endpoint, String), Cause> {
    let bad = || {
        Cause::BadLocation(
            String::from_utf8_lossy(location.map_or(b"", |value| value.as_bytes())).into_owned(),
        )
    };
    let text = location
        .ok_or(Cause::NoLocation)?
        .to_str()
        .map_err(|_| bad())?
        .trim();
    let text = text.split('#').next().unwrap_or_default();
    if text.starts_with('/') && !text.starts_with("//") {
        return Ok((place.clone(), text.to_owned()));
    }
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (scheme, rest),
        None => (
            place.scheme().as_str(),
            text.strip_prefix("//").ok_or_else(bad)?,
        ),
    };
    let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let next = Endpoint::parse(&format!("{scheme}://{authority}")).map_err(|_| bad())?;
    // Whoever asked under TLS did not mean to say it, password and value and all, in the open.
    if place.scheme() == Scheme::Https && next.scheme() == Scheme::Http {
        return Err(Cause::Downgrade(next));
    }
    let target = if target.starts_with('/') {
        target.to_owned()
    } else {
        format!("/{target}")
    };
    Ok((next, target))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(location: &str) -> Result<String, String> {
        let place = Endpoint::parse("http://a:1/prefix").unwrap();
        let value = HeaderValue::from_str(location).unwrap();
        follow(&place, Some(&value))
            .map(|(place, target)| {
                format!(
                    "{}://{} {target}",
                    place.scheme().as_str(),
                    place.authority()
                )
            })
            .map_err(|cause| cause.to_string())
    }

    #[test]
    fn every_form_of_a_location_is_followed() {
        assert_eq!(
            from("http://b:2/v2/keys/x?y=1#z").unwrap(),
            "http://b:2 /v2/keys/x?y=1"
        );
        assert_eq!(from("https://b").unwrap(), "https://b /");
        assert_eq!(from("/v2/keys?a").unwrap(), "http://a:1 /v2/keys?a");
        assert_eq!(from("//c/x").unwrap(), "http://c /x");
        assert_eq!(from("http://b?q=1").unwrap(), "http://b /?q=1");
    }

    #[test]
    fn a_place_that_is_none_is_named() {
        for location in ["", "relative", "ftp://b/x", "http:///x"] {
            let error = from(location).unwrap_err();
            assert!(error.contains(&format!("{location:?}")), "{error}");
        }
        let place = Endpoint::parse("a").unwrap();
        assert!(matches!(follow(&place, None), Err(Cause::NoLocation)));
    }
}
