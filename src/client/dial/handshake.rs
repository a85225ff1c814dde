//! TLS over an open connection, and which dial error each of its failures is.

use std::io;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{Error as Rustls, InvalidMessage};

use super::error::DialError;
use super::stream::Stream;
use crate::client::endpoint::Endpoint;
use crate::os_error::reason;
use crate::tls::{
    CertificateFault, Tls, TlsError, alert_words, certificate_words, is_about_certificate,
    rustls_error,
};

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
    let connector =
        TlsConnector::from(tls.config().await.map_err(|error| DialError::Authorities {
            reason: error.reason,
        })?);
    match connector.connect(name, stream).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(failure(endpoint, &error)),
    }
}

fn failure(endpoint: &Endpoint, error: &io::Error) -> DialError {
    let target = endpoint.host_and_port();
    match rustls_error(error) {
        Some(Rustls::InvalidCertificate(fault)) => DialError::Certificate {
            fault: CertificateFault::of(fault),
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
