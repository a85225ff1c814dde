//! Counts answers by method and status without a look-up for each request.

use std::sync::OnceLock;

use hyper::{Method, StatusCode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use crate::metrics::{Metrics, RequestLabel};

/// The statuses this server answers with. Any other is looked up by its label each time.
const STATUSES: [u16; 16] = [
    200, 201, 301, 307, 400, 401, 403, 404, 405, 408, 409, 412, 414, 421, 500, 503,
];

const METHODS: [&str; 7] = ["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "other"];

/// One counter for each pair, made when it is first needed, so that only pairs that occurred are exported.
pub(super) struct RequestCounters {
    cells: [[OnceLock<Counter>; STATUSES.len()]; METHODS.len()],
    family: Family<RequestLabel, Counter>,
}

impl RequestCounters {
    pub(super) fn new(metrics: &Metrics) -> Self {
        Self {
            cells: Default::default(),
            family: metrics.http_requests.clone(),
        }
    }

    /// Counts one answer.
    pub(super) fn count(&self, method: &Method, status: StatusCode) {
        let row = METHODS
            .iter()
            .position(|name| *name == method.as_str())
            .unwrap_or(METHODS.len() - 1);
        let label = RequestLabel {
            method: METHODS[row],
            code: status.as_u16(),
        };
        match STATUSES.iter().position(|code| *code == label.code) {
            Some(column) => {
                self.cells[row][column]
                    .get_or_init(|| self.family.get_or_create_owned(&label))
                    .inc();
            }
            None => {
                self.family.get_or_create_owned(&label).inc();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_counted_apart_and_strange_methods_together() {
        let metrics = Metrics::new("0");
        let counters = RequestCounters::new(&metrics);
        let made_up = |name: &[u8]| Method::from_bytes(name).unwrap();
        for (method, status, times) in [
            (Method::GET, StatusCode::OK, 3),
            (Method::GET, StatusCode::NOT_FOUND, 2),
            (made_up(b"BREW"), StatusCode::METHOD_NOT_ALLOWED, 1),
            (made_up(b"POUR"), StatusCode::METHOD_NOT_ALLOWED, 1),
            (Method::PUT, StatusCode::IM_A_TEAPOT, 4),
        ] {
            (0..times).for_each(|_| counters.count(&method, status));
        }
        let text = metrics.render();
        for line in [
            "{method=\"GET\",code=\"200\"} 3",
            "{method=\"GET\",code=\"404\"} 2",
            "{method=\"other\",code=\"405\"} 2",
            "{method=\"PUT\",code=\"418\"} 4",
        ] {
            assert!(
                text.contains(&format!("etcd2_http_requests_total{line}\n")),
                "{line} in {text}"
            );
        }
    }
}
