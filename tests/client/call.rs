//! Clients of scripted servers, and calls that must not take for ever.

use etcd2::client::{Client, ClientOptions, Endpoint};

use super::support::fake::LIMIT;

/// Options for these endpoints. The time-out of the head only bounds a failed test.
pub(crate) fn options(endpoints: impl IntoIterator<Item = Endpoint>) -> ClientOptions {
    ClientOptions {
        endpoints: endpoints.into_iter().collect(),
        header_timeout: Some(LIMIT),
        ..ClientOptions::default()
    }
}

/// A client of these endpoints.
pub(crate) fn client(endpoints: impl IntoIterator<Item = Endpoint>) -> Client {
    Client::new(options(endpoints))
}

/// What a call comes to that must not take for ever.
pub(crate) async fn soon<T>(call: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, call)
        .await
        .expect("the call never ends")
}
