//! What the leader knows of its followers (keys-api 10.3).

use hyper::{Method, Response, StatusCode, Uri};
use serde::Serialize;

use crate::config::Vocabulary;
use crate::http::answer::body::Body;
use crate::http::answer::document::{OrderedObject, document, hex, message};
use crate::http::answer::error::{ApiError, Code};
use crate::http::answer::headers::Reply;
use crate::http::front::Front;
use crate::http::request::path;
use crate::service::LeaderStats;
use crate::service::stats::FollowerTraffic;

/// Only the leader has them. In the vocabulary of 0.4 the others point to it, otherwise they say no (keys-api 9.2).
pub(crate) fn answer(front: &Front, method: &Method, uri: &Uri, reply: Reply) -> Response<Body> {
    let vocabulary = front.service.vocabulary();
    if let Some(stats) = front.service.leader_stats() {
        return reply.json(StatusCode::OK, body(&stats, vocabulary));
    }
    if matches!(vocabulary, Vocabulary::Modern) {
        return reply.json(StatusCode::FORBIDDEN, message("not current leader"));
    }
    let leader = front
        .service
        .leader()
        .map(|leader| leader.and_then(|leader| leader.client_urls.into_iter().next()));
    match leader {
        Ok(Some(url)) => {
            let location = url + &path::location(b"/v2/stats/leader", uri.query());
            let (get, head) = (method == Method::GET, method == Method::HEAD);
            reply.redirect(StatusCode::TEMPORARY_REDIRECT, &location, get, head)
        }
        Ok(None) => reply.error(&ApiError::invalid(Code::RaftInternal, ""), &front.cluster),
        Err(error) => reply.error(&error.into(), &front.cluster),
    }
}

#[derive(Serialize)]
struct LeaderBody {
    leader: String,
    followers: OrderedObject<String, FollowerBody>,
}

#[derive(Serialize)]
struct FollowerBody {
    latency: LatencyBody,
    counts: CountsBody,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LatencyBody {
    current: f64,
    average: f64,
    standard_deviation: f64,
    minimum: f64,
    maximum: f64,
}

#[derive(Serialize)]
struct CountsBody {
    fail: u64,
    success: u64,
}

/// The followers of whom something is known, keyed by id, or by name in the vocabulary of 0.4. Sorted by key.
fn body(stats: &LeaderStats, vocabulary: Vocabulary) -> Vec<u8> {
    let key = |id: u64, name: &str| match vocabulary {
        Vocabulary::Classic => name.to_owned(),
        Vocabulary::Modern => hex(id),
    };
    let mut followers: Vec<(String, FollowerBody)> = stats
        .followers
        .iter()
        .filter_map(|(id, follower)| {
            let traffic = follower.traffic.as_ref()?;
            Some((key(*id, &follower.name), traffic.into()))
        })
        .collect();
    followers.sort_by(|(a, _), (b, _)| a.cmp(b));
    document(&LeaderBody {
        leader: key(stats.leader, &stats.leader_name),
        followers: OrderedObject(followers),
    })
}

impl From<&FollowerTraffic> for FollowerBody {
    fn from(stats: &FollowerTraffic) -> Self {
        let latency = stats.latency;
        Self {
            latency: LatencyBody {
                current: latency.current,
                average: latency.average,
                standard_deviation: latency.standard_deviation,
                minimum: latency.minimum,
                maximum: latency.maximum,
            },
            counts: CountsBody {
                fail: stats.counts.fail,
                success: stats.counts.success,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::service::stats::{Counts, FollowerStats, Latency};

    fn text(json: Vec<u8>) -> String {
        String::from_utf8(json).unwrap()
    }

    #[test]
    fn leader_stats_list_followers_by_id_or_name() {
        let latency = Latency {
            current: 0.0014,
            average: 0.0034,
            standard_deviation: 0.0028,
            minimum: 9_223_372_036_854_775_808.0,
            maximum: 0.0088,
        };
        let follower = |name: &str| FollowerStats {
            name: name.to_owned(),
            traffic: Some(FollowerTraffic {
                latency,
                counts: Counts {
                    fail: 0,
                    success: 5,
                },
            }),
        };
        let silent = FollowerStats {
            traffic: None,
            ..follower("c")
        };
        let followers = BTreeMap::from([
            (2, follower("b")),
            (0x10, follower("a")),
            // Zeros would be figures that nobody measured.
            (0x11, silent),
        ]);
        let stats = LeaderStats {
            leader: 0x1881,
            leader_name: "l".to_owned(),
            followers,
        };
        let one = concat!(
            r#"{"latency":{"current":0.0014,"average":0.0034,"standardDeviation":0.0028,"#,
            r#""minimum":9223372036854776000,"maximum":0.0088},"counts":{"fail":0,"success":5}}"#
        );
        assert_eq!(
            text(body(&stats, Vocabulary::Modern)),
            format!(r#"{{"leader":"1881","followers":{{"10":{one},"2":{one}}}}}"#)
        );
        assert_eq!(
            text(body(&stats, Vocabulary::Classic)),
            format!(r#"{{"leader":"l","followers":{{"a":{one},"b":{one}}}}}"#)
        );
        let alone = LeaderStats {
            followers: BTreeMap::new(),
            ..stats
        };
        assert_eq!(
            text(body(&alone, Vocabulary::Modern)),
            r#"{"leader":"1881","followers":{}}"#
        );
    }
}
