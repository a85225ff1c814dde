use super::*;
use crate::tls::fixture::Authority;

/// A certificate and its SEC1 key in one file, as `openssl ecparam -genkey` and `openssl req -x509` make them.
const SEC1: &str = include_str!("tests/sec1.pem");
/// The same with an RSA key in PKCS#1.
const PKCS1: &str = include_str!("tests/pkcs1.pem");

fn load(cert: Option<&Path>, key: Option<&Path>, ca: Option<&Path>) -> Result<Tls, TlsError> {
    Tls::load(&TlsFiles {
        cert: cert.map(Path::to_owned),
        key: key.map(Path::to_owned),
        ca: ca.map(Path::to_owned),
    })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

fn text(outcome: Result<Tls, TlsError>) -> String {
    outcome.unwrap_err().to_string()
}

#[test]
fn no_files_are_fine_and_an_empty_path_is_no_file() {
    let empty = Path::new("");
    assert!(load(None, None, None).is_ok());
    assert!(load(Some(empty), Some(empty), Some(empty)).is_ok());
}

#[test]
fn a_certificate_needs_its_key_and_the_reverse() {
    let nope = Path::new("/nope");
    assert_eq!(
        text(load(Some(nope), None, None)),
        "KeyFile and CertFile must both be present[key: , cert: /nope]"
    );
    assert_eq!(
        text(load(Some(Path::new("")), Some(nope), None)),
        "KeyFile and CertFile must both be present[key: /nope, cert: ]"
    );
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let nope = Path::new("/nope");
    let missing = "open /nope: no such file or directory";
    assert_eq!(text(load(None, None, Some(nope))), missing);
    assert_eq!(text(load(Some(nope), Some(nope), None)), missing);
    assert_eq!(
        text(load(None, None, Some(Path::new("/")))),
        "open /: is a directory"
    );
}

#[test]
fn every_form_of_key_is_taken() {
    let ca = Authority::new("ca");
    let pair = ca.issue(&["client"]);
    let files = ca.trust_as(&pair);
    assert!(pair.key.contains("BEGIN PRIVATE KEY"), "PKCS#8");
    assert!(Tls::load(&files).is_ok());
    for (text, label) in [(SEC1, "BEGIN EC PRIVATE"), (PKCS1, "BEGIN RSA PRIVATE")] {
        assert!(text.contains(label));
        let both = ca.write("both.pem", text);
        assert!(load(Some(&both), Some(&both), None).is_ok(), "{label}");
    }
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let ca = Authority::new("ca");
    let cert = ca.write("cert.pem", &ca.issue(&["a"]).cert);
    let key = ca.write("key.pem", &ca.issue(&["b"]).key);
    assert_eq!(
        load(Some(&cert), Some(&key), None).unwrap_err(),
        TlsError::Mismatch { key, cert }
    );
}

#[test]
fn what_is_no_certificate_or_no_key_is_refused_with_its_path() {
    let ca = Authority::new("ca");
    let pair = ca.issue(&["a"]);
    let good_cert = ca.write("cert.pem", &pair.cert);
    let good_key = ca.write("key.pem", &pair.key);
    let cut = pair.cert.len() / 2;
    let framed = |label: &str, body: &str| {
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    };
    for bad in [
        String::new(),
        "hello\n".to_owned(),
        pair.key.clone(),
        pair.cert[..cut].to_owned(),
        framed("CERTIFICATE", "!!!!"),
        framed("CERTIFICATE", "AAAA"),
    ] {
        let path = ca.write("bad.pem", &bad);
        let text = text(load(Some(&path), Some(&good_key), None));
        assert!(text.starts_with(&path.display().to_string()), "{text}");
        assert!(text.contains("certificate"), "{text}");
        match load(None, None, Some(&path)) {
            Err(error) => assert!(error.to_string().contains("certificate"), "{error}"),
            // A file without any stops only who needs it.
            Ok(tls) => {
                let error = runtime().block_on(tls.config()).unwrap_err().to_string();
                let named = format!("there is no certificate in {}", path.display());
                assert!(error.contains(&named), "{error}");
            }
        }
    }
    for bad in [
        pair.cert.clone(),
        String::new(),
        framed("ENCRYPTED PRIVATE KEY", "AAAA"),
        framed("PRIVATE KEY", "AAAA"),
        framed("PRIVATE KEY", "!"),
    ] {
        let path = ca.write("bad.pem", &bad);
        let text = text(load(Some(&good_cert), Some(&path), None));
        assert!(text.starts_with(&path.display().to_string()), "{text}");
        assert!(text.contains("no usable private key"), "{text}");
    }
}

#[test]
fn a_ca_file_may_hold_several_and_a_bad_one_is_named_by_its_place() {
    let (one, two) = (Authority::new("one"), Authority::new("two"));
    let both = one.write("both.pem", &format!("{}\n# two\n{}", one.pem(), two.pem()));
    assert!(load(None, None, Some(&both)).is_ok());

    let bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let third = format!("{}{}{bad}", one.pem(), two.pem());
    let path = one.write("third.pem", &third);
    let outcome = load(None, None, Some(&path));
    assert!(text(outcome).contains("certificate 3 cannot be used"));
}

#[test]
fn the_expected_name_is_the_host_unless_one_is_set() {
    let tls = Tls::default();
    let expected = |tls: &Tls, host| {
        tls.expected_name(host)
            .map(|name| name.to_str().into_owned())
    };
    assert_eq!(expected(&tls, "etcd.example.").unwrap(), "etcd.example");
    assert_eq!(expected(&tls, "10.0.0.1").unwrap(), "10.0.0.1");
    assert_eq!(expected(&tls, "::1").unwrap(), "::1");
    assert!(expected(&tls, "a b").is_err());
    let named = tls.with_server_name("example.com").unwrap();
    assert_eq!(expected(&named, "10.0.0.1").unwrap(), "example.com");
    assert!(Tls::default().with_server_name("not a name").is_err());
}
