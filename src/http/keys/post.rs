//! `POST`: a child named by its place in history (keys-api 5.2).

use hyper::Response;
use storage::path::KeyPath;

use super::put;
use crate::http::answer::body::Body;
use crate::http::answer::headers::Reply;
use crate::http::front::Front;
use crate::http::request::classify;
use crate::http::request::params::Params;
use crate::service::Caller;

/// Creates the next child in order.
pub(crate) async fn post(
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
