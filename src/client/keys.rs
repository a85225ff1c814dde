//! The calls of the keys API (keys-api 4, etcdctl reference 5): one method each, with the parameters the server knows.

use bytes::Bytes;
use hyper::Method;

use super::cluster::Client;
use super::error::Error;
use super::event::KeyEvent;
use super::path::{Fields, Key};
use super::request::{Payload, Request, Retry};

/// How to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GetOptions {
    /// The whole subtree.
    pub recursive: bool,
    /// Children in byte order at every level.
    pub sorted: bool,
    /// Through the leader's log, as the original calls it; not sent when `None`.
    pub quorum: Option<bool>,
    /// From the member asked, whatever it has applied (an extension: other servers ignore it).
    pub local: bool,
}

/// How to write, and under which condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutOptions {
    /// Makes a directory; there is no value then.
    pub dir: bool,
    /// Seconds to live; none removes a TTL.
    pub ttl: Option<u64>,
    /// Must, or must not, exist.
    pub prev_exist: Option<bool>,
    /// Must have this value.
    pub prev_value: Option<Vec<u8>>,
    /// Must have been changed last at this index.
    pub prev_index: Option<u64>,
}

/// How to delete, and under which condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteOptions {
    /// An empty directory too.
    pub dir: bool,
    /// A directory with all below it.
    pub recursive: bool,
    /// Must have this value.
    pub prev_value: Option<Vec<u8>>,
    /// Must have been changed last at this index.
    pub prev_index: Option<u64>,
}

impl Client {
    /// Reads a file, or lists a directory.
    ///
    /// # Errors
    /// 100 when there is nothing; see [`Error`].
    pub async fn get(&self, key: &Key, options: GetOptions) -> Result<KeyEvent, Error> {
        let mut query = Fields::default();
        if options.local {
            query = query.flag("local", true);
        }
        if let Some(quorum) = options.quorum {
            query = query.flag("quorum", quorum);
        }
        let query = query
            .flag("recursive", options.recursive)
            .flag("sorted", options.sorted);
        self.event(&Request::get(query.after(key.target()))).await
    }

    /// Writes a file, or makes or refreshes a directory (`dir`).
    ///
    /// # Errors
    /// 100, 101, 102, 104, 105 or 107 when the tree or the condition refuses it; see [`Error`].
    pub async fn put(
        &self,
        key: &Key,
        value: &[u8],
        options: PutOptions,
    ) -> Result<KeyEvent, Error> {
        let mut query = Fields::default();
        if options.dir {
            query = query.flag("dir", true);
        }
        if let Some(exist) = options.prev_exist {
            query = query.flag("prevExist", exist);
        }
        let index = options.prev_index.map(|index| index.to_string());
        let query = query
            .maybe("prevIndex", index)
            .maybe("prevValue", options.prev_value.as_deref());
        let compares = options.prev_index.is_some() || options.prev_value.is_some();
        let retry = match options.prev_exist {
            Some(false) => Retry::Never,
            _ if compares => Retry::IfUnsent,
            _ => Retry::Always,
        };
        let value = (!options.dir).then_some(value);
        let payload = form(options.ttl, value);
        let target = query.after(key.target());
        self.event(&Request::new(Method::PUT, target, payload, retry))
            .await
    }

    /// Makes a file below `directory` whose name is the index: the next in order.
    ///
    /// # Errors
    /// 104 when `directory` is a file; see [`Error`].
    pub async fn create_in_order(
        &self,
        directory: &Key,
        value: &[u8],
        ttl: Option<u64>,
    ) -> Result<KeyEvent, Error> {
        let payload = form(ttl, Some(value));
        let target = directory.target();
        self.event(&Request::new(
            Method::POST,
            target,
            payload,
            Retry::IfUnsent,
        ))
        .await
    }

    /// Deletes a file or a directory.
    ///
    /// # Errors
    /// 100, 101, 102, 107 or 108 when the tree or the condition refuses it; see [`Error`].
    pub async fn delete(&self, key: &Key, options: DeleteOptions) -> Result<KeyEvent, Error> {
        let mut query = Fields::default();
        if options.dir {
            query = query.flag("dir", true);
        }
        let index = options.prev_index.map(|index| index.to_string());
        query = query
            .maybe("prevIndex", index)
            .maybe("prevValue", options.prev_value.as_deref());
        if options.recursive {
            query = query.flag("recursive", true);
        }
        let target = query.after(key.target());
        let payload = Payload::Form(Bytes::new());
        self.event(&Request::new(Method::DELETE, target, payload, Retry::Never))
            .await
    }

    async fn event(&self, request: &Request) -> Result<KeyEvent, Error> {
        self.send(request).await?.event()
    }
}

fn form(ttl: Option<u64>, value: Option<&[u8]>) -> Payload {
    let ttl = ttl.map(|seconds| seconds.to_string());
    let fields = Fields::default().maybe("ttl", ttl).maybe("value", value);
    Payload::Form(fields.into_text().into())
}
