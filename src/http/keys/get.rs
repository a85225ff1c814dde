//! `GET` and `HEAD`: a read, a listing or a watch.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Response, StatusCode};
use storage::operation::Node;
use storage::path::KeyPath;

use super::listing;
use super::watch;
use crate::config::Vocabulary;
use crate::http::answer::body::Body;
use crate::http::answer::headers::Reply;
use crate::http::answer::large::{self, LARGE};
use crate::http::answer::render;
use crate::http::front::Front;
use crate::http::request::classify::{self, Get};
use crate::http::request::params::Params;
use crate::service::{Caller, Consistency, MemberPosition, ServiceError};

/// Answers a `GET`. `rest` is what has not come of a body that does not count.
pub(crate) async fn get(
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
                reply,
            )
            .await
        }
    }
}

/// Answers a `HEAD` like the `GET`, as fresh as that, without the body. It never waits for an event.
pub(crate) async fn head(
    front: &Arc<Front>,
    caller: &Caller,
    path: KeyPath,
    params: &Params,
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
        reply,
    )
    .await
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
        Ok((node, position)) if is_large(&node) && !head => {
            let now = grant.now();
            Box::pin(large_file(front, node, now, position, reply)).await
        }
        Ok((node, position)) => {
            let body = rendered(&node, grant.now(), vocabulary);
            reply.keys(StatusCode::OK, body, position, &front.cluster)
        }
        Err(error) => reply.error(&error.into(), &front.cluster),
    }
}

fn is_large(node: &Node) -> bool {
    node.value.as_ref().is_some_and(|value| value.len() > LARGE)
}

#[inline]
fn rendered(node: &Node, now: u64, vocabulary: Vocabulary) -> Vec<u8> {
    let mut body = Vec::with_capacity(64 + render::node_size(node));
    render::file(&mut body, node, now, vocabulary);
    body
}

/// A file whose answer counts. Boxed by its caller: the state of every read would be longer by it, and few need it.
async fn large_file(
    front: &Front,
    node: Node,
    now: u64,
    position: MemberPosition,
    reply: Reply,
) -> Response<Body> {
    let room = large::room(
        &front.answers,
        render::node_size(&node),
        front.options.listing_wait,
    );
    match room.await {
        Ok(claim) => {
            let body = rendered(&node, now, front.service.vocabulary());
            large::keys(
                reply,
                StatusCode::OK,
                body,
                position,
                Some(claim),
                &front.cluster,
            )
        }
        Err(_) => reply.error(&ServiceError::TooManyRequests.into(), &front.cluster),
    }
}
