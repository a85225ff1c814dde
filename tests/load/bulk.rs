//! Many requests in little time: over many connections, several on their way on each.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::support::http::{Connection, EXCHANGE_TIMEOUT, Request, Response};

/// Requests on their way on one connection.
const AHEAD: usize = 16;

/// Sends the requests `0..count` over `connections` connections, each one once, and shows every answer to `see`.
///
/// # Errors
/// The first connection that failed, or the first complaint of `see`.
pub(crate) fn send(
    addr: SocketAddr,
    connections: usize,
    count: usize,
    request: impl Fn(usize) -> Request + Sync,
    see: impl Fn(&Response) -> Result<(), String> + Sync,
) -> Result<(), String> {
    let next = AtomicUsize::new(0);
    let run = || -> Result<(), String> {
        let mut connection = open(addr)?;
        loop {
            let first = next.fetch_add(AHEAD, Ordering::Relaxed);
            if first >= count {
                return Ok(());
            }
            let numbers = first..count.min(first + AHEAD);
            batch(&mut connection, numbers, &request, &see)?;
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..connections).map(|_| scope.spawn(run)).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().expect("a client does not panic"))
    })
}

fn open(addr: SocketAddr) -> Result<Connection, String> {
    Connection::open(addr).map_err(|error| format!("no connection: {error}"))
}

fn batch(
    connection: &mut Connection,
    numbers: std::ops::Range<usize>,
    request: &impl Fn(usize) -> Request,
    see: &impl Fn(&Response) -> Result<(), String>,
) -> Result<(), String> {
    let requests: Vec<Request> = numbers.map(request).collect();
    let addr = connection.addr();
    let mut bytes = Vec::new();
    for request in &requests {
        bytes.extend(request.to_bytes(addr));
    }
    connection
        .send_raw(&bytes, "PUT")
        .map_err(|error| format!("requests cannot be sent: {error}"))?;
    for request in &requests {
        connection.expect_answer_to(&request.method);
        let answer = connection.read_response(EXCHANGE_TIMEOUT);
        see(&answer.map_err(|error| format!("{}: no answer: {error}", request.method))?)?;
    }
    Ok(())
}

/// Takes any success.
pub(crate) fn succeeded(answer: &Response) -> Result<(), String> {
    if answer.status() < 300 {
        Ok(())
    } else {
        Err(answer.dump())
    }
}
