//! Lapsing nodes: both servers must remove the same ones in the same order and tell their watchers the same.
//!
//! Between a write with a short time to live and its end the two servers may be at different indexes, so each block
//! writes everything first, several seconds ahead of the first lapse, and then only listens.

use super::op::Op;
use super::pair::{Difference, Pair};
use super::watching::Watcher;
use crate::support::http::Request;
use crate::support::seed::Rng;

/// The first lapse comes this long after the writes: they take milliseconds.
const FIRST_LAPSE_SECONDS: u64 = 3;

/// Where single events are awaited: nodes of either kind that may lapse, one inside a directory that may, one that is
/// never there. A directory comes before what is inside it.
const WATCHED: [&str; 6] = [
    "/f00",
    "/d01",
    "/d01/child/leaf",
    "/d02",
    "/f04",
    "/nothing",
];

/// A wave of lapsing files and directories below `/x{number}`, and then a node that was never meant to live.
///
/// # Errors
/// The first difference.
pub(crate) fn block(pair: &mut Pair, seed: u64, number: u64) -> Result<(), Difference> {
    let mut rng = Rng::new(seed);
    let root = format!("/x{number}");
    put(pair, &root, "dir=true")?;
    let from = pair.newest + 1;
    let mut stream = Watcher::open(pair, &root, "&recursive=true&stream=true", from)?;
    write_wave(pair, &mut rng, &root)?;
    let mut watchers = Vec::new();
    for path in WATCHED {
        // These deliver a lapse or, at last, the write below; the stream tells when the wave is over.
        let recursive = if rng.chance(50) {
            "&recursive=true"
        } else {
            ""
        };
        let from = pair.newest + 1;
        watchers.push(Watcher::open(
            pair,
            &format!("{root}{path}"),
            recursive,
            from,
        )?);
    }
    let lapses = lapsing_at_the_end(pair, &root)?;
    stream.finish(pair, lapses)?;
    // A read shows that both took the same number of indexes, and what the next one is.
    pair.exchange(&Op::line(&format!("GET /v2/keys{root}?recursive=true")))?;
    at_once(pair, &root)?;
    for path in WATCHED {
        let op = Op::new(Request::delete(&format!(
            "/v2/keys{root}{path}?recursive=true"
        )));
        pair.exchange(&op)?;
        put(
            pair,
            &format!("{root}{path}"),
            if path.starts_with("/d") && path.len() == 4 {
                "dir=true"
            } else {
                "value=end"
            },
        )?;
    }
    for watcher in &mut watchers {
        watcher.finish(pair, from)?;
    }
    Ok(())
}

fn write_wave(pair: &mut Pair, rng: &mut Rng, root: &str) -> Result<(), Difference> {
    // Names ascend: nodes that lapse at the same instant go in the order of their keys.
    for number in 0..rng.between(6, 10) {
        let ttl = FIRST_LAPSE_SECONDS + rng.below(2);
        match rng.below(4) {
            0 => {
                put(
                    pair,
                    &format!("{root}/d{number:02}"),
                    &format!("dir=true&ttl={ttl}"),
                )?;
                put(
                    pair,
                    &format!("{root}/d{number:02}/child/leaf"),
                    "value=lives on&ttl=600",
                )?;
                put(pair, &format!("{root}/d{number:02}/_hidden"), "value=h")?;
            }
            1 => {
                put(
                    pair,
                    &format!("{root}/f{number:02}"),
                    "value=first&ttl=9000",
                )?;
                put(
                    pair,
                    &format!("{root}/f{number:02}"),
                    &format!("refresh=true&prevExist=true&ttl={ttl}"),
                )?;
            }
            2 => {
                put(
                    pair,
                    &format!("{root}/f{number:02}"),
                    &format!("value=kept&ttl={ttl}"),
                )?;
                put(
                    pair,
                    &format!("{root}/f{number:02}"),
                    "value=permanent&prevExist=true",
                )?;
            }
            _ => put(
                pair,
                &format!("{root}/f{number:02}"),
                &format!("value={number}&ttl={ttl}"),
            )?,
        }
    }
    // A short-lived leaf in a long-lived directory, and a hidden one: its end is not for the recursive stream.
    put(
        pair,
        &format!("{root}/keep/leaf"),
        &format!("value=l&ttl={FIRST_LAPSE_SECONDS}"),
    )?;
    put(
        pair,
        &format!("{root}/_secret"),
        &format!("value=s&ttl={FIRST_LAPSE_SECONDS}"),
    )
}

/// Writes the last node to lapse, and returns an index that only its end reaches: everything written before lapses
/// earlier, and each lapse takes one index.
fn lapsing_at_the_end(pair: &mut Pair, root: &str) -> Result<u64, Difference> {
    let ttl = FIRST_LAPSE_SECONDS + 3;
    let listing = pair.exchange(&Op::line(&format!(
        "GET /v2/keys{root}?recursive=true&sorted=true"
    )))?;
    // `/_secret` is hidden from the listing and lapses too. What lies inside a lapsing directory goes with it.
    let lapsing = listing[1].text().matches("\"ttl\":").count() + 1
        - listing[1].text().matches("\"ttl\":600").count()
        - listing[1].text().matches("\"ttl\":599").count();
    put(pair, &format!("{root}/z"), &format!("value=last&ttl={ttl}"))?;
    Ok(pair.newest + lapsing as u64 + 1)
}

/// `ttl=0` lives until the next sweep; a watch that begins before sees the end.
fn at_once(pair: &mut Pair, root: &str) -> Result<(), Difference> {
    for form in ["value=zero&ttl=0", "dir=true&ttl=0", "value=one&ttl=1"] {
        let path = format!("{root}/brief");
        let after = pair.newest + 2;
        let query = format!("&waitIndex={}", super::op::index(after));
        let mut end = Watcher::open(pair, &path, &query, after)?;
        put(pair, &path, form)?;
        end.finish(pair, after)?;
        // The first read after the lapse shows both servers at the same index again.
        pair.exchange(&Op::line(&format!("GET /v2/keys{path}")))?;
    }
    Ok(())
}

fn put(pair: &mut Pair, path: &str, form: &str) -> Result<(), Difference> {
    pair.exchange(&Op::new(Request::put(&format!("/v2/keys{path}"), form)))?;
    Ok(())
}
