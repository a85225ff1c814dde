//! `DELETE`: a file, a directory, or compare-and-delete. `noValueOnSuccess` has no effect on it.

use hyper::Response;
use storage::path::KeyPath;

use super::put;
use crate::http::answer::body::Body;
use crate::http::answer::headers::Reply;
use crate::http::front::Front;
use crate::http::request::classify;
use crate::http::request::params::Params;
use crate::service::Caller;

/// Removes the node.
pub(crate) async fn delete(
    front: &Front,
    caller: &Caller,
    path: KeyPath,
    params: &Params,
    reply: Reply,
) -> Response<Body> {
    put::write(front, caller, classify::delete(path, params), false, reply).await
}
