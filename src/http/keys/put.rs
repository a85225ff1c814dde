//! `PUT`, and how every write is answered.

use hyper::{Response, StatusCode};
use storage::operation::{Action, Operation};
use storage::path::KeyPath;

use crate::command::Ttl;
use crate::http::answer::body::Body;
use crate::http::answer::error::ApiError;
use crate::http::answer::headers::Reply;
use crate::http::answer::large::{self, LARGE};
use crate::http::answer::render;
use crate::http::front::Front;
use crate::http::request::classify;
use crate::http::request::params::Params;
use crate::service::{Caller, Written};

/// Sets, creates, updates, or compares and swaps.
pub(crate) async fn put(
    front: &Front,
    caller: &Caller,
    path: KeyPath,
    params: &Params,
    reply: Reply,
) -> Response<Body> {
    write(
        front,
        caller,
        classify::put(path, params),
        params.no_value_on_success,
        reply,
    )
    .await
}

/// Does a write and renders its event, or with `brief` only the action.
pub(crate) async fn write(
    front: &Front,
    caller: &Caller,
    operation: Operation<Ttl>,
    brief: bool,
    reply: Reply,
) -> Response<Body> {
    let vocabulary = front.service.vocabulary();
    let written = match front.service.write(caller, operation).await {
        Ok(written) => written,
        Err(error) => {
            let error = ApiError::from(error).told_in(vocabulary);
            return reply.error(&error, &front.cluster);
        }
    };
    let event = &written.event;
    let created = match event.action {
        Action::Create => true,
        Action::Set => event.prev.is_none(),
        _ => false,
    };
    let status = if created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let brief = brief && !event.action.is_removal();
    if !brief && render::event_size(event) > LARGE {
        return Box::pin(told(front, written, status, reply)).await;
    }
    // Room for the three figures of the header too, see `Reply::keys`.
    let mut body = Vec::with_capacity(64 + render::event_size(event));
    if brief {
        render::brief_event(&mut body, event.action, vocabulary);
    } else {
        render::event(&mut body, event, front.service.cluster_now(), vocabulary);
    }
    reply.keys(status, body, written.position, &front.cluster)
}

/// A write whose answer counts. It is done and has to be told: without room after so long it is told without.
async fn told(front: &Front, written: Written, status: StatusCode, reply: Reply) -> Response<Body> {
    let size = render::event_size(&written.event);
    let room = large::room(&front.answers, size, front.options.limits.stall_timeout);
    let claim = room.await.ok();
    let mut body = Vec::with_capacity(64 + size);
    let (now, vocabulary) = (front.service.cluster_now(), front.service.vocabulary());
    render::event(&mut body, &written.event, now, vocabulary);
    large::keys(reply, status, body, written.position, claim, &front.cluster)
}
