use super::*;

fn read(variables: &[(&str, &str)]) -> Proxies {
    Proxies::read(|name| {
        variables
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    })
}

/// Where the way to `endpoint` leads, and with which credentials.
fn towards(variables: &[(&str, &str)], endpoint: &str) -> Option<(String, Option<String>)> {
    let proxies = read(variables);
    match proxies.towards(&Endpoint::parse(endpoint).unwrap())? {
        Proxy::Usable { at, authorization } => Some((
            at.to_string(),
            authorization
                .as_ref()
                .map(|value| value.to_str().unwrap().to_owned()),
        )),
        Proxy::Unusable(error) => Some((error.to_string(), None)),
    }
}

fn plain(at: &str) -> Option<(String, Option<String>)> {
    Some((at.to_owned(), None))
}

#[test]
fn each_scheme_has_its_variable() {
    let both = [("HTTP_PROXY", "http://p:1"), ("HTTPS_PROXY", "q:2")];
    assert_eq!(towards(&both, "http://etcd:2379"), plain("http://p:1"));
    assert_eq!(towards(&both, "https://etcd:2379"), plain("http://q:2"));
    assert_eq!(towards(&both[..1], "https://etcd:2379"), None);
    assert_eq!(towards(&[], "http://etcd:2379"), None);
}

#[test]
fn upper_case_wins_and_empty_is_unset() {
    let lower = ("http_proxy", "http://low:1");
    assert_eq!(towards(&[lower], "http://e"), plain("http://low:1"));
    let both = [("HTTP_PROXY", "http://up:1"), lower];
    assert_eq!(towards(&both, "http://e"), plain("http://up:1"));
    let empty = [("HTTP_PROXY", ""), lower];
    assert_eq!(towards(&empty, "http://e"), plain("http://low:1"));
}

#[test]
fn a_cgi_program_is_not_led_astray_by_a_request_header() {
    let cgi = ("REQUEST_METHOD", "GET");
    let upper = ("HTTP_PROXY", "http://evil:1");
    let lower = ("http_proxy", "http://low:1");
    assert_eq!(towards(&[cgi, upper], "http://e"), None);
    assert_eq!(
        towards(&[cgi, upper, lower], "http://e"),
        plain("http://low:1")
    );
    let https = ("HTTPS_PROXY", "http://q:2");
    assert_eq!(towards(&[cgi, https], "https://e"), plain("http://q:2"));
}

#[test]
fn exceptions_are_reached_directly() {
    let variables = [
        ("HTTP_PROXY", "p:1"),
        ("no_proxy", "example.com,10.0.0.0/8"),
    ];
    assert_eq!(towards(&variables, "http://a.example.com:2379"), None);
    assert_eq!(towards(&variables, "http://10.1.1.1:2379"), None);
    assert_eq!(towards(&variables, "http://127.0.0.1:2379"), None);
    assert_eq!(towards(&variables, "http://[::1]:2379"), None);
    assert_eq!(towards(&variables, "http://11.1.1.1"), plain("http://p:1"));
}

#[test]
fn credentials_are_decoded_and_never_shown() {
    let with = |value| towards(&[("HTTP_PROXY", value)], "http://e");
    // "al@ice:s:ret" and "bob:"
    assert_eq!(
        with("http://al%40ice:s:ret@p:1/ignored?x"),
        Some((
            "http://p:1".to_owned(),
            Some("Basic YWxAaWNlOnM6cmV0".to_owned())
        ))
    );
    assert_eq!(
        with("bob@p:1"),
        Some(("http://p:1".to_owned(), Some("Basic Ym9iOg==".to_owned())))
    );
    let proxies = read(&[("HTTP_PROXY", "http://alice:secret@p:1")]);
    assert!(!format!("{proxies:?}").contains("secret"));
}

#[test]
fn another_kind_of_proxy_matters_only_to_who_is_behind_it() {
    let socks = [("HTTP_PROXY", "socks5://p:1080")];
    assert_eq!(
        towards(&socks, "http://e"),
        plain("HTTP_PROXY names a socks5 proxy; only http:// and https:// proxies can be used")
    );
    assert_eq!(towards(&socks, "http://127.0.0.1"), None);
}

#[test]
fn nonsense_is_named_without_its_password() {
    let nonsense = [("https_proxy", "http://alice:secret@")];
    assert_eq!(
        towards(&nonsense, "https://e"),
        plain("https_proxy: it names no host; write it like http://proxy.example:3128")
    );
    assert_eq!(towards(&nonsense, "https://127.0.0.1"), None);
    for value in ["http://", "http://p:port", "http://p:70000", "p p", "[::1"] {
        let (told, _) = towards(&[("HTTP_PROXY", value)], "http://e").unwrap();
        assert!(told.starts_with("HTTP_PROXY: "), "{value}: {told}");
    }
}
