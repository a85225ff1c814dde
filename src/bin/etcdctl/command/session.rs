//! The way to the cluster: endpoints, trust, user, synchronisation (etcdctl reference 3 and 4).

use std::cell::OnceCell;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use etcd2::client::{
    Client, ClientOptions, Credentials, Endpoint, Error, Key, Observer, Proxies, Resolver, Scheme,
    Sync, Tls, TlsFiles, discover, within,
};

use super::credential::credentials;
use super::debug::Curl;
use super::failure::{CommandFailure, KEY_COMMAND, NO_CONNECTION};
use crate::definition::{Global, OutputFormat};
use crate::output::{Screen, complain};

/// A command under way: its options, where it prints.
pub(super) struct Session {
    pub(super) global: Global,
    pub(super) screen: Screen,
    /// Whom the requests name, once it is known: the password is asked for at most once.
    user: OnceCell<Option<Credentials>>,
}

impl Session {
    pub(super) fn new(global: Global, screen: Screen) -> Session {
        Session {
            global,
            screen,
            user: OnceCell::new(),
        }
    }

    pub(super) fn format(&self) -> OutputFormat {
        self.global.output
    }

    /// The user that the requests name, with the password it gives when asked.
    pub(super) fn user(&self) -> Result<Option<Credentials>, CommandFailure> {
        if let Some(user) = self.user.get() {
            return Ok(user.clone());
        }
        let user = credentials(self.global.username.as_deref())?;
        Ok(self.user.get_or_init(|| user).clone())
    }

    /// A client whose endpoints are those that the cluster announces, unless `--no-sync`.
    pub(super) async fn connect(&self) -> Result<Client, CommandFailure> {
        let client = self.client().await?;
        if !self.global.no_sync {
            self.sync(&client).await?;
        }
        self.tell_endpoints(&client);
        Ok(client)
    }

    /// Whom the requests go to, for `--debug`.
    pub(super) fn tell_endpoints(&self, client: &Client) {
        if self.global.debug {
            complain(&format!("Cluster-Endpoints: {}\n", joined(client, ", ")));
        }
    }

    /// A client that asks the endpoints as they were given.
    pub(super) async fn client(&self) -> Result<Client, CommandFailure> {
        let refuse = |error: &dyn std::fmt::Display| CommandFailure::text(1, error.to_string());
        let mut tls = Tls::load(&TlsFiles {
            cert: self.global.cert_file.clone(),
            key: self.global.key_file.clone(),
            ca: self.global.ca_file.clone(),
        })
        .map_err(|error| refuse(&error))?;
        let mut endpoints = self.discovered().await?;
        if endpoints.is_empty() {
            endpoints =
                Endpoint::parse_list(&self.global.endpoints).map_err(|error| refuse(&error))?;
            if endpoints.is_empty() {
                return Err(CommandFailure::Cluster {
                    code: 1,
                    error: Error::NoEndpoints,
                });
            }
        } else if let Some(domain) = self.secure_domain() {
            tls = tls
                .with_server_name(domain)
                .map_err(|error| refuse(&error))?;
        }
        Ok(Client::new(ClientOptions {
            endpoints,
            tls,
            proxies: Proxies::from_environment(),
            credentials: self.user()?,
            header_timeout: self.global.timeout,
            reply_bytes_max: Some(self.global.max_reply_bytes),
            observer: self
                .global
                .debug
                .then(|| Arc::new(Curl) as Arc<dyn Observer>),
        }))
    }

    /// What a call of a key command came to, within the time it has.
    pub(super) async fn key_call<T>(
        &self,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, CommandFailure> {
        within(self.global.total_timeout, call)
            .await
            .map_err(CommandFailure::key)
    }

    /// The same for commands on members, users and roles.
    pub(super) async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, CommandFailure> {
        within(self.global.total_timeout, call)
            .await
            .map_err(CommandFailure::bare)
    }

    /// Only failures of the connection itself end the command: whoever answers in any other way may still answer the
    /// command (etcdctl reference 4).
    async fn sync(&self, client: &Client) -> Result<(), CommandFailure> {
        if self.global.debug {
            let list = joined(client, ",");
            complain(&format!("start to sync cluster using endpoints({list})\n"));
        }
        match within(self.global.total_timeout, client.sync()).await {
            Ok(Sync::Unpublished) => {
                complain(&format!(
                    "etcd cluster has no published client endpoints.\nTry '--no-sync' if you want to access non-published client endpoints({}).\n",
                    joined(client, ",")
                ));
                Err(CommandFailure::Cluster {
                    code: KEY_COMMAND,
                    error: Error::NoEndpoints,
                })
            }
            Err(error) if error.is_connection() => Err(CommandFailure::Cluster {
                code: NO_CONNECTION,
                error,
            }),
            Ok(Sync::Replaced | Sync::Kept) | Err(_) => {
                if self.global.debug {
                    let list = joined(client, ",");
                    complain(&format!("got endpoints({list}) after sync\n"));
                }
                Ok(())
            }
        }
    }

    /// The domain that servers must prove to be, when they were found by DNS.
    fn secure_domain(&self) -> Option<&str> {
        let domain = self.global.discovery_srv.as_deref()?;
        (!self.global.insecure_discovery).then_some(domain)
    }

    async fn discovered(&self) -> Result<Vec<Endpoint>, CommandFailure> {
        let Some(domain) = &self.global.discovery_srv else {
            return Ok(Vec::new());
        };
        let name = self.global.discovery_srv_name.as_deref();
        let lookup = async { Ok(discover(domain, name, &Resolver::system()).await) };
        let found = within(self.global.total_timeout, lookup)
            .await
            .map_err(|error| CommandFailure::text(1, format!("dns lookup errors: {error}")))?
            .map_err(|error| CommandFailure::text(1, error.to_string()))?;
        for unusable in &found.unusable {
            complain(&format!("ignoring discovered endpoint: {unusable}\n"));
        }
        let mut kept = Vec::new();
        for endpoint in found.endpoints {
            if endpoint.scheme() == Scheme::Https || self.global.insecure_discovery {
                kept.push(endpoint);
            } else {
                complain(&format!(
                    "ignoring discovered insecure endpoint \"{endpoint}\"\n"
                ));
            }
        }
        Ok(kept)
    }
}

/// A key of the command line: any bytes.
pub(super) fn key(text: &OsStr) -> Key {
    Key::new(text.as_bytes())
}

/// Seconds to live as the server wants them: none unless positive.
pub(super) fn ttl(seconds: i64) -> Option<u64> {
    u64::try_from(seconds).ok().filter(|seconds| *seconds > 0)
}

fn joined(client: &Client, separator: &str) -> String {
    let endpoints = client.endpoints();
    let texts: Vec<String> = endpoints.iter().map(Endpoint::to_string).collect();
    texts.join(separator)
}
