//! `POST`: a child named by its place in history (keys-api 5.2).

use hyper::Response;
use storage::path::KeyPath;

use super::body::Body;
use super::front::Front;
use super::headers::Reply;
use super::params::Params;
use super::{classify, put};
use crate::service::Caller;

/// Creates the next child in order.
pub(super) async fn post(
    front: &Front,
    caller: &Caller,
    path: KeyPath,
    params: &Params,
    reply: Reply,
) -> Response<Body> {
    put::write(
        front,
        caller,
        classify::post(path, params),
        params.no_value_on_success,
        reply,
    )
    .await
}
