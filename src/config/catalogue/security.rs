//! Options of transport security (cluster-and-config 7.1): all of a later release, refused unless they ask for nothing.

use super::super::value::ValueKind;
use super::flag::{Flag, HelpGroup};

const TLS_LATER: &str = "TLS is not available in this release: leave the TLS options out and let a TLS proxy in front \
                         of the node (HAProxy, nginx, stunnel) hold the certificate";
const CLIENT: &str = "client-transport-security";
const PEER: &str = "peer-transport-security";

/// A TLS option that takes a text.
const fn tls(name: &'static str, help: &'static str) -> Flag {
    Flag::new(name, ValueKind::Text, HelpGroup::Security, help).later(TLS_LATER, &[])
}

/// A TLS option that is on or off.
const fn tls_switch(name: &'static str, help: &'static str) -> Flag {
    Flag::new(name, ValueKind::Bool, HelpGroup::Security, help).later(TLS_LATER, &["false"])
}

/// An option that matters only beside those that switch TLS on.
const fn tls_only(name: &'static str) -> Flag {
    Flag::ignored(
        name,
        ValueKind::Text,
        "it matters only together with the TLS options, which this release does not have",
    )
}

pub(super) static ROWS: &[Flag] = &[
    tls("cert-file", "Certificate of the client port.")
        .deprecated(&["clientCert"])
        .shown_as("<path>")
        .yaml(CLIENT, "cert-file"),
    tls("key-file", "Its key.")
        .deprecated(&["clientKey"])
        .shown_as("<path>")
        .yaml(CLIENT, "key-file"),
    tls(
        "ca-file",
        "Authority of client certificates, which are then demanded.",
    )
    .deprecated(&["clientCAFile"])
    .shown_as("<path>")
    .yaml(CLIENT, "ca-file"),
    tls("trusted-ca-file", "Authority of client certificates.")
        .shown_as("<path>")
        .yaml(CLIENT, "trusted-ca-file"),
    tls_switch("client-cert-auth", "Demand client certificates.").yaml(CLIENT, "client-cert-auth"),
    tls_switch("auto-tls", "Make a certificate for the client port.").yaml(CLIENT, "auto-tls"),
    tls("client-crl-file", "Revoked client certificates.")
        .shown_as("<path>")
        .yaml(CLIENT, "client-crl-file"),
    tls(
        "client-cert-allowed-hostname",
        "Host name a client certificate must have.",
    )
    .shown_as("<host>"),
    tls("peer-cert-file", "Certificate of the peer port.")
        .deprecated(&["serverCert"])
        .shown_as("<path>")
        .toml("peer", "cert_file")
        .yaml(PEER, "cert-file"),
    tls("peer-key-file", "Its key.")
        .deprecated(&["serverKey"])
        .shown_as("<path>")
        .toml("peer", "key_file")
        .yaml(PEER, "key-file"),
    tls(
        "peer-ca-file",
        "Authority of peer certificates, which are then demanded.",
    )
    .deprecated(&["serverCAFile"])
    .shown_as("<path>")
    .toml("peer", "ca_file")
    .yaml(PEER, "ca-file"),
    tls("peer-trusted-ca-file", "Authority of peer certificates.")
        .shown_as("<path>")
        .yaml(PEER, "trusted-ca-file"),
    tls_switch("peer-client-cert-auth", "Demand peer certificates.").yaml(PEER, "client-cert-auth"),
    tls_switch("peer-auto-tls", "Make a certificate for the peer port.").yaml(PEER, "auto-tls"),
    tls("peer-crl-file", "Revoked peer certificates.")
        .shown_as("<path>")
        .yaml(PEER, "peer-crl-file"),
    tls(
        "peer-cert-allowed-cn",
        "Common name a peer certificate must have.",
    ),
    tls(
        "peer-cert-allowed-hostname",
        "Host name a peer certificate must have.",
    )
    .shown_as("<host>"),
    tls(
        "client-cert-file",
        "Certificate that the node itself shows to a client port.",
    )
    .shown_as("<path>"),
    tls("client-key-file", "Its key.").shown_as("<path>"),
    tls(
        "peer-client-cert-file",
        "Certificate that the node shows to other nodes.",
    )
    .shown_as("<path>"),
    tls("peer-client-key-file", "Its key.").shown_as("<path>"),
    tls_only("tls-min-version").silent(&["TLS1.2"]),
    tls_only("tls-max-version").silent(&[""]),
    tls_only("self-signed-cert-validity").silent(&["1"]),
    tls_switch(
        "peer-skip-client-san-verification",
        "Do not check the addresses in peer certificates.",
    ),
    tls("cipher-suites", "TLS ciphers to allow.").shown_as("<name>,<name>"),
    tls_switch(
        "experimental-peer-skip-client-san-verification",
        "Do not check the addresses in peer \
        certificates.",
    ),
];
