//! TLS over an open connection, and what its failures mean in words.

use std::io;

use jiff::Timestamp;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{ServerName, UnixTime};
use tokio_rustls::rustls::{AlertDescription, CertificateError, Error as Rustls, InvalidMessage};

use super::error::{CertificateFault, DialError, reason};
use super::{Stream, host_port};
use crate::client::endpoint::Endpoint;
use crate::client::tls::{Tls, TlsError, is_authority_as_server};

/// Makes `stream` a TLS connection with a server that proves `name`.
pub(super) async fn shake(
    tls: &Tls,
    endpoint: &Endpoint,
    name: Result<ServerName<'static>, TlsError>,
    stream: Stream,
) -> Result<Stream, DialError> {
    let name = name.map_err(|_| DialError::ServerName {
        host: endpoint.host().to_owned(),
    })?;
    let connector = TlsConnector::from(tls.config().await?);
    match connector.connect(name, stream).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(failure(endpoint, &error)),
    }
}

/// What the server's last word was, when `error` is a TLS alert. With TLS 1.3 a server judges our certificate after
/// the handshake, so its refusal arrives where the first response should.
pub(in crate::client) fn tls_alert(error: &io::Error) -> Option<String> {
    match rustls_error(error)? {
        Rustls::AlertReceived(alert) => Some(format!("remote error: tls: {}", alert_words(*alert))),
        _ => None,
    }
}

fn rustls_error(error: &io::Error) -> Option<&Rustls> {
    error.get_ref()?.downcast_ref()
}

fn failure(endpoint: &Endpoint, error: &io::Error) -> DialError {
    let target = host_port(endpoint);
    match rustls_error(error) {
        Some(Rustls::InvalidCertificate(fault)) => DialError::Certificate {
            fault: certificate_fault(fault),
            reason: certificate_words(fault),
        },
        Some(Rustls::AlertReceived(alert)) => DialError::Alert {
            alert: alert_words(*alert),
            certificate: is_about_certificate(*alert),
        },
        Some(Rustls::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            DialError::NotTls { target }
        }
        Some(other) => DialError::Handshake {
            target,
            reason: other.to_string(),
        },
        // Which of the two arrives depends on whether the server had read our greeting when it closed.
        None if matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
        ) =>
        {
            DialError::Closed { target }
        }
        None => DialError::Broken {
            target,
            reason: reason(error),
        },
    }
}

fn certificate_fault(fault: &CertificateError) -> CertificateFault {
    match fault {
        CertificateError::UnknownIssuer => CertificateFault::Authority,
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => CertificateFault::Time,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            CertificateFault::Name
        }
        _ if is_authority_as_server(fault) => CertificateFault::Authority,
        _ => CertificateFault::Other,
    }
}

/// The words of the original where it has some.
fn certificate_words(fault: &CertificateError) -> String {
    match fault {
        CertificateError::UnknownIssuer => "certificate signed by unknown authority".to_owned(),
        CertificateError::ExpiredContext { time, not_after } => format!(
            "certificate has expired or is not yet valid: current time {} is after {}",
            date(*time),
            date(*not_after)
        ),
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "certificate has expired or is not yet valid: current time {} is before {}",
            date(*time),
            date(*not_before)
        ),
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => name_words(&expected.to_str(), presented),
        CertificateError::BadSignature => {
            "certificate or handshake with a bad signature: the server may not hold its key"
                .to_owned()
        }
        CertificateError::Other(_) if is_authority_as_server(fault) => {
            "certificate signed by unknown authority: the server shows the certificate of an \
             authority, which must be in the CA file itself"
                .to_owned()
        }
        other => other.to_string(),
    }
}

/// A time as people read it; what no calendar has stays a number.
fn date(time: UnixTime) -> String {
    let seconds = time.as_secs();
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .map_or_else(|| seconds.to_string(), |time| time.to_string())
}

fn name_words(wanted: &str, presented: &[String]) -> String {
    if presented.is_empty() {
        return format!("certificate is not valid for any names, but wanted to match {wanted}");
    }
    let names: Vec<&str> = presented.iter().map(|name| bare_name(name)).collect();
    format!(
        "certificate is valid for {}, not {wanted}",
        names.join(", ")
    )
}

/// rustls hands the names over as `DnsName("host")` and `IpAddress(127.0.0.1)`.
fn bare_name(presented: &str) -> &str {
    presented
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'))
        .unwrap_or(presented)
        .trim_matches('"')
}

fn is_about_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateRequired
    )
}

/// The alerts an operator may meet, in the words he can search for; the rest by number.
fn alert_words(alert: AlertDescription) -> String {
    let words = match alert {
        AlertDescription::UnexpectedMessage => "unexpected message",
        AlertDescription::BadRecordMac => "bad record MAC",
        AlertDescription::HandshakeFailure => "handshake failure",
        AlertDescription::BadCertificate => "bad certificate",
        AlertDescription::UnsupportedCertificate => "unsupported certificate",
        AlertDescription::CertificateRevoked => "revoked certificate",
        AlertDescription::CertificateExpired => "expired certificate",
        AlertDescription::CertificateUnknown => "unknown certificate",
        AlertDescription::IllegalParameter => "illegal parameter",
        AlertDescription::UnknownCA => "unknown certificate authority",
        AlertDescription::AccessDenied => "access denied",
        AlertDescription::DecodeError => "error decoding message",
        AlertDescription::DecryptError => "error decrypting message",
        AlertDescription::ProtocolVersion => "protocol version not supported",
        AlertDescription::InsufficientSecurity => "insufficient security level",
        AlertDescription::InternalError => "internal error",
        AlertDescription::UserCanceled => "user canceled",
        AlertDescription::UnrecognisedName => "unrecognized name",
        AlertDescription::CertificateRequired => "certificate required",
        AlertDescription::NoApplicationProtocol => "no application protocol",
        other => return format!("alert {}", u8::from(other)),
    };
    words.to_owned()
}
