use super::*;

#[test]
fn every_counter_ends_in_total_exactly_once() {
    let metrics = Metrics::new("0.1.0");
    metrics.leader_changes.inc();
    metrics
        .http_requests
        .get_or_create(&RequestLabel {
            method: "GET",
            code: 200,
        })
        .inc_by(3);
    metrics
        .store_writes
        .get_or_create(&ActionLabel { action: "set" })
        .inc();
    let text = metrics.render();
    assert!(
        text.contains("etcd_server_leader_changes_seen_total 1\n"),
        "{text}"
    );
    assert!(
        text.contains("etcd2_http_requests_total{method=\"GET\",code=\"200\"} 3\n"),
        "{text}"
    );
    assert!(
        text.contains("etcd_debugging_store_writes_total{action=\"set\"} 1\n"),
        "{text}"
    );
    assert!(!text.contains("_total_total"), "{text}");
    assert!(text.ends_with("# EOF\n"), "{text}");
}

#[test]
fn a_family_is_described_once_before_its_samples() {
    let metrics = Metrics::new("0.1.0");
    metrics.identify(0xabc, Some("3.4"));
    let text = metrics.render();
    let mut described = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let name = rest.split(' ').next().unwrap_or_default();
            assert!(!described.contains(&name), "{name} is described twice");
            described.push(name);
        } else if !line.starts_with('#') {
            let last = described.last().copied().unwrap_or_default();
            assert!(line.starts_with(last), "sample {line} under {last}");
        }
    }
    assert!(described.len() > 30);
}

#[test]
fn positions_keep_their_old_names_as_gauges() {
    let metrics = Metrics::new("0.1.0");
    metrics.proposals_committed.set(u64::MAX);
    let text = metrics.render();
    assert!(
        text.contains("# TYPE etcd_server_proposals_committed_total gauge\n"),
        "{text}"
    );
    assert!(
        text.contains("etcd_server_proposals_committed_total 18446744073709551615\n"),
        "{text}"
    );
}

#[test]
fn identity_replaces_itself() {
    let metrics = Metrics::new("0.1.0");
    metrics.identify(1, None);
    metrics.identify(0xf10b, Some("3.4"));
    let text = metrics.render();
    assert!(
        text.contains("etcd_server_id{server_id=\"f10b\"} 1\n"),
        "{text}"
    );
    assert!(!text.contains("server_id=\"1\""), "{text}");
    assert!(
        text.contains("etcd_server_version{server_version=\"0.1.0\"} 1\n"),
        "{text}"
    );
    assert!(
        text.contains("etcd_cluster_version{cluster_version=\"3.4\"} 1\n"),
        "{text}"
    );
}

#[test]
fn the_process_is_measured() {
    let text = Metrics::new("0.1.0").render();
    let value = |name: &str| -> f64 {
        let line = text
            .lines()
            .find(|line| line.starts_with(name) && !line.starts_with('#'));
        let text = line
            .and_then(|line| line.split(' ').nth(1))
            .unwrap_or_else(|| panic!("{name} is missing"));
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is not a number: {text}"))
    };
    assert!(value("process_open_fds ") >= 3.0);
    assert!(value("process_max_fds ") >= value("process_open_fds "));
    assert!(value("process_resident_memory_bytes ") > 100_000.0);
    assert!(value("process_cpu_seconds_total ") >= 0.0);
    assert!(value("process_start_time_seconds ") > 1.6e9);
}
