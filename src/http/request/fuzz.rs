//! What reads a request, under mutated bytes: forms, paths, parameters and the headers that count.

use bytes::Bytes;
use fuzz::Campaign;
use hyper::Method;

use super::params::Params;
use super::{classic, credentials, form, media_type, path};

const WORDS: [&[u8]; 20] = [
    b"&",
    b"=",
    b"%",
    b"%00",
    b"%zz",
    b"+",
    b";",
    b"value=",
    b"dir=",
    b"ttl=",
    b"prevValue=",
    b"prevIndex=",
    b"prevExist=",
    b"wait=true",
    b"waitIndex=",
    b"refresh=true",
    b"true",
    b"FALSE",
    b"18446744073709551616",
    b"-1",
];

#[test]
fn parameters_of_both_vocabularies() {
    let valid: [&[u8]; 4] = [
        b"value=Hello+world%21&ttl=5",
        b"prevExist=true&prevValue=a&prevIndex=7",
        b"recursive=true&sorted=1&quorum=f&stream=0",
        b"dir=true&refresh=false&noValueOnSuccess=T",
    ];
    Campaign::new("http parameters")
        .corpus(valid.map(<[u8]>::to_vec))
        .words(&WORDS)
        .memory(64 << 10, 64)
        .run(|bytes| {
            form::is_over(bytes, 16);
            let query = str::from_utf8(bytes).ok();
            let body = &Bytes::copy_from_slice(bytes);
            for method in [Method::GET, Method::PUT, Method::POST, Method::DELETE] {
                for (body, query) in [(Some(body), None), (None, query), (Some(body), query)] {
                    let _ = Params::parse(&method, body, query, 1 << 20);
                    let _ = classic::parse(&method, body, query, 1 << 20);
                }
            }
            let params = Params::parse(&Method::PUT, Some(body), None, 8);
            if let Ok(params) = &params {
                assert!(params.value.len() <= 8, "the limit holds");
            }
            Params::parse(&Method::PUT, Some(body), None, 1 << 20).is_ok()
        });
}

#[test]
fn paths() {
    let valid = [
        "/v2/keys/a%20b/../c",
        "/v2/keys//a/./b/",
        "/",
        "/v2/keys/%ff%00",
    ];
    Campaign::new("http path")
        .corpus(valid.map(|path| path.as_bytes().to_vec()))
        .words(&[b"/", b"//", b"/.", b"/..", b"%2f", b"%2e", b"%", b"%0"])
        .memory(16 << 10, 64)
        .run(|bytes| {
            let Ok(raw) = str::from_utf8(bytes) else {
                return false;
            };
            let Some(decoded) = path::decode(raw) else {
                return false;
            };
            let clean = path::cleaned(&decoded).unwrap_or_else(|| decoded.to_vec());
            assert_eq!(path::cleaned(&clean), None, "what was cleaned is clean");
            let location = path::location(&clean, None);
            assert_eq!(path::decode(&location).as_deref(), Some(&clean[..]));
            if let Some(key) = path::key(&clean) {
                assert!(key.as_bytes().starts_with(b"/"));
            }
            true
        });
}

#[test]
fn headers_that_count() {
    Campaign::new("http content type")
        .corpus([
            b"application/x-www-form-urlencoded; charset=utf-8".to_vec(),
            b"text/plain;a=\"b\\\"c\" ; d=e;".to_vec(),
        ])
        .words(&[b";", b"/", b"\"", b"\\", b"=", b" "])
        .memory(16 << 10, 64)
        .run(|bytes| {
            media_type::is_json(bytes);
            media_type::is_form(Some(bytes)).is_ok()
        });
    Campaign::new("http authorization")
        .corpus([b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==".to_vec()])
        .words(&[b"Basic ", b"=", b"Og==", b" "])
        .memory(16 << 10, 16)
        .run(|bytes| credentials::basic(bytes).is_some());
}
