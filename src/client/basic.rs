//! Basic authentication (RFC 7617), the sending side: one header value out of a name and a password.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;

/// `Basic …` for `Authorization` and `Proxy-Authorization`, marked sensitive so that no debug output shows it.
pub(super) fn authorization(name: &[u8], password: &[u8]) -> HeaderValue {
    let pair = [name, b":", password].concat();
    let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair)))
        .expect("base64 is made of visible ASCII");
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_hidden_from_debug_output() {
        let value = authorization(b"Aladdin", b"open sesame");
        assert_eq!(value.as_bytes(), b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(!format!("{value:?}").contains("QWxh"));
    }
}
