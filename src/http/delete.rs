//! `DELETE`: a file, a directory, or compare-and-delete. `noValueOnSuccess` has no effect on it.

use hyper::Response;
use storage::path::KeyPath;

use super::body::Body;
use super::front::Front;
use super::headers::Reply;
use super::params::Params;
use super::{classify, put};
use crate::service::Caller;

/// Removes the node.
pub(super) async fn delete(
    front: &Front,
    caller: &Caller,
    path: KeyPath,
    params: &Params,
    reply: Reply,
) -> Response<Body> {
    put::write(front, caller, classify::delete(path, params), false, reply).await
}
