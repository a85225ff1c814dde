//! `GET` and `HEAD`: a read, a listing or a watch.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Response, StatusCode};
use storage::path::KeyPath;

use super::answers::{self, LARGE};
use super::body::Body;
use super::classify::{self, Get};
use super::front::Front;
use super::headers::Reply;
use super::params::Params;
use super::{listing, render, watch};
use crate::config::Vocabulary;
use crate::service::{Caller, Consistency, ServiceError};

/// Answers a `GET`. `rest` is what has not come of a body that does not count.
pub(super) async fn get(
    front: &Arc<Front>,
    caller: &Caller,
    path: KeyPath,
    params: &Params,
    rest: Option<Incoming>,
    reply: Reply,
) -> Response<Body> {
    match classify::get(&path, params) {
        Get::Watch(request) => watch::answer(front, caller, request, rest, reply).await,
        Get::Read(consistency) => {
            read(
                front,
                caller,
                &path,
                params.recursive,
                consistency,
                false,
                ending_with(rest, reply),
            )
            .await
        }
    }
}

/// Answers a `HEAD` like the `GET`, as fresh as that, without the body. It never waits for an event.
pub(super) async fn head(
    front: &Arc<Front>,
    caller: &Caller,
    path: KeyPath,
    params: &Params,
    rest: Option<Incoming>,
    reply: Reply,
) -> Response<Body> {
    let consistency = classify::consistency(params);
    read(
        front,
        caller,
        &path,
        params.recursive,
        consistency,
        true,
        ending_with(rest, reply),
    )
    .await
}

/// Where something of the body has not come yet, the connection ends with the answer.
fn ending_with(rest: Option<Incoming>, reply: Reply) -> Reply {
    match rest {
        Some(_) => reply.closing(),
        None => reply,
    }
}

async fn read(
    front: &Arc<Front>,
    caller: &Caller,
    path: &KeyPath,
    recursive: bool,
    consistency: Consistency,
    head: bool,
    reply: Reply,
) -> Response<Body> {
    let grant = match front
        .service
        .read(caller, path, recursive, consistency)
        .await
    {
        Ok(grant) => grant,
        Err(error) => return reply.error(&error.into(), &front.cluster),
    };
    let vocabulary = front.service.vocabulary();
    match grant.node() {
        // 0.4 said nothing but that the key is there (keys-api 2.1).
        Ok(_) if head && vocabulary == Vocabulary::Classic => reply.empty(StatusCode::OK),
        Ok((node, _)) if node.dir => {
            listing::answer(front, caller.address.ip(), grant, head, reply).await
        }
        Ok((node, position)) => {
            let size = render::node_size(&node);
            let claim = match size > LARGE && !head {
                true => match answers::room(front, size, front.options.listing_wait).await {
                    None => {
                        return reply.error(&ServiceError::TooManyRequests.into(), &front.cluster);
                    }
                    claim => claim,
                },
                false => None,
            };
            let mut body = Vec::with_capacity(64 + size);
            render::file(&mut body, &node, grant.now(), vocabulary);
            answers::keys(reply, StatusCode::OK, body, position, claim, &front.cluster)
        }
        Err(error) => reply.error(&error.into(), &front.cluster),
    }
}
