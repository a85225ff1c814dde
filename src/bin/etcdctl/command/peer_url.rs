//! Peer URLs of the command line, checked before anybody is asked (etcdctl reference 10.2).

use super::failure::CommandFailure;

/// The URLs, sorted, without blanks around them.
///
/// # Errors
/// For the first one that is no `scheme://host:port`.
pub(super) fn all(texts: &[String]) -> Result<Vec<String>, CommandFailure> {
    let mut urls = Vec::with_capacity(texts.len());
    for text in texts {
        urls.push(check(text.trim()).map_err(|reason| CommandFailure::text(1, reason))?);
    }
    urls.sort();
    Ok(urls)
}

fn check(url: &str) -> Result<String, String> {
    const SCHEMES: [&str; 4] = ["http", "https", "unix", "unixs"];
    let unknown = || format!("URL scheme must be http, https, unix, or unixs: {url}");
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(match url.split_once(':') {
            Some((host, _)) if host.starts_with(|c: char| c.is_ascii_digit()) => {
                format!("parse {url:?}: first path segment in URL cannot contain colon")
            }
            _ => unknown(),
        });
    };
    if !SCHEMES.contains(&scheme) {
        return Err(unknown());
    }
    let (address, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if let Some(bad) = address
        .chars()
        .find(|c| c.is_whitespace() || c.is_control())
    {
        return Err(format!(
            "parse {url:?}: invalid character {:?} in host name",
            bad.to_string()
        ));
    }
    let Some((_, port)) = split_port(address) else {
        return Err(format!(
            "URL address does not have the form \"host:port\": {url}"
        ));
    };
    if !port.chars().all(|digit| digit.is_ascii_digit()) {
        return Err(format!(
            "parse {url:?}: invalid port {:?} after host",
            format!(":{port}")
        ));
    }
    if !path.is_empty() {
        return Err(format!("URL must not contain a path: {url}"));
    }
    Ok(url.to_owned())
}

/// Host and port; the host of an IPv6 address is in brackets.
fn split_port(address: &str) -> Option<(&str, &str)> {
    let (host, port) = address.rsplit_once(':')?;
    let bracketed = host.starts_with('[') && host.ends_with(']');
    (bracketed || !host.contains(':')).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_peers_are_host_and_port() {
        for url in [
            "http://127.0.0.1:2380",
            "https://[::1]:2380",
            "unix://a:1",
            "http://:2380",
        ] {
            assert_eq!(check(url).unwrap(), url);
        }
    }

    #[test]
    fn anything_else_is_refused_in_the_words_of_the_original() {
        for (url, reason) in [
            (
                "ftp://x:1",
                "URL scheme must be http, https, unix, or unixs: ftp://x:1",
            ),
            (
                "localhost:2380",
                "URL scheme must be http, https, unix, or unixs: localhost:2380",
            ),
            ("", "URL scheme must be http, https, unix, or unixs: "),
            (
                "127.0.0.1:2380",
                "parse \"127.0.0.1:2380\": first path segment in URL cannot contain colon",
            ),
            (
                "http://127.0.0.1",
                "URL address does not have the form \"host:port\": http://127.0.0.1",
            ),
            (
                "http://a:1,http://b:1",
                "URL address does not have the form \"host:port\": http://a:1,http://b:1",
            ),
            ("http://h:2/", "URL must not contain a path: http://h:2/"),
            (
                "http://a b:1",
                "parse \"http://a b:1\": invalid character \" \" in host name",
            ),
            (
                "http://h:x",
                "parse \"http://h:x\": invalid port \":x\" after host",
            ),
        ] {
            assert_eq!(check(url).unwrap_err(), reason);
        }
    }
}
