//! What every member shows of itself and of the others: the same from each, also while one of them is down.

use std::process::Command;

use serde_json::Value;

use super::support::client::{self, Client};
use super::support::cluster::{Cluster, asked, json};
use super::support::http::Request;
use super::support::server::Server;
use super::support::wait::{LIMIT, until_or};

/// A cluster, and how the members are named in answers.
struct Shown {
    cluster: Cluster,
    ids: Vec<String>,
}

impl Shown {
    fn new(cluster: Cluster) -> Shown {
        let id = |member: &Server| {
            let own = json(member.addr(), "/v2/stats/self").expect("it says");
            own["id"].as_str().expect("it has an id").to_owned()
        };
        let ids = cluster.iter().map(id).collect();
        Shown { cluster, ids }
    }

    fn running(&self) -> Vec<usize> {
        let all = 0..self.cluster.len();
        all.filter(|member| self.cluster[*member].pid().is_some())
            .collect()
    }

    fn text(&self, member: usize, target: &str) -> String {
        let answer = self.cluster[member].exchange(&Request::get(target));
        assert_eq!(answer.status(), 200, "{}", answer.dump());
        answer.text()
    }

    fn json(&self, member: usize, target: &str) -> Value {
        serde_json::from_str(&self.text(member, target)).expect("it is JSON")
    }

    fn assert_who_leads(&self, leader: usize) {
        for member in self.running() {
            let own = self.json(member, "/v2/stats/self");
            assert_eq!(own["name"], format!("m{member}"), "{own}");
            assert_eq!(own["id"], self.ids[member], "{own}");
            let state = if member == leader {
                "StateLeader"
            } else {
                "StateFollower"
            };
            assert_eq!(own["state"], state, "{own}");
            assert_eq!(own["leaderInfo"]["leader"], self.ids[leader], "{own}");
            let url = format!("http://{}", self.cluster[leader].peer_addr());
            assert_eq!(self.text(member, "/v2/leader"), url);
            let status = self.json(member, "/debug/vars")["raft.status"].clone();
            assert_eq!(status["id"], self.ids[member], "{status}");
            assert_eq!(status["lead"], self.ids[leader], "{status}");
            assert_eq!(status["raftState"], state, "{status}");
        }
    }

    /// Those that are down belong to it all the same.
    fn assert_who_belongs(&self) {
        let mut urls: Vec<_> = self.cluster.iter().map(Server::url).collect();
        urls.sort_unstable();
        let escaped = |url: String| url.replace(':', "%3A").replace('/', "%2F");
        for member in self.running() {
            assert_eq!(self.text(member, "/v2/machines"), urls.join(", "));
            let listed = self.json(member, "/v2/members");
            let listed = listed["members"].as_array().expect("a list");
            assert_eq!(listed.len(), self.cluster.len());
            for (place, other) in self.cluster.iter().enumerate() {
                let peer = format!("http://{}", other.peer_addr());
                let target = format!("/v2/keys/_etcd/machines/m{place}?local=true");
                let machine = self.json(member, &target);
                let wanted = format!(
                    "etcd={}&raft={}",
                    escaped(other.url()),
                    escaped(peer.clone())
                );
                assert_eq!(machine["node"]["value"], wanted, "{machine}");
                let wanted = serde_json::json!({
                    "id": self.ids[place],
                    "name": format!("m{place}"),
                    "peerURLs": [peer],
                    "clientURLs": [other.url()],
                });
                assert!(listed.contains(&wanted), "{wanted} in {listed:?}");
            }
        }
    }

    /// Waits until the figures of every member are those of this leader and of who runs.
    fn wait_figures(&self, leader: usize) {
        let running = self.running();
        for member in &running {
            until_or("the figures are others", || {
                self.figures(*member, leader, &running)
            });
        }
    }

    fn figures(&self, member: usize, leader: usize, running: &[usize]) -> Result<(), String> {
        let text = asked(self.cluster[member].addr(), &Request::get("/metrics"))?.text();
        let figure = |name: &str| {
            let lines = text.lines().filter_map(|line| line.strip_prefix(name));
            let mut values = lines.filter_map(|rest| rest.strip_prefix(' ')?.parse::<f64>().ok());
            values.next()
        };
        let holds = |name: &str, right: &dyn Fn(Option<f64>) -> bool| match right(figure(name)) {
            true => Ok(()),
            false => Err(format!(
                "{name} is {:?} at {member} in\n{text}",
                figure(name)
            )),
        };
        let leads = member == leader;
        let one_if = |yes: bool| move |value| value == Some(if yes { 1.0 } else { 0.0 });
        let some = |value: Option<f64>| value.is_some_and(|value| value > 0.0);
        holds("etcd_server_has_leader", &one_if(true))?;
        holds("etcd_server_is_leader", &one_if(leads))?;
        holds("etcd_server_leader_changes_seen_total", &some)?;
        holds("etcd_server_proposals_pending", &|value| value.is_some())?;
        holds("etcd_server_proposals_failed_total", &|value| {
            value.is_some()
        })?;
        let own = &self.ids[member];
        for other in self.cluster.others(member) {
            let (id, runs) = (&self.ids[other], running.contains(&other));
            let of = |name: &str, label: &str| format!("{name}{{{label}=\"{id}\"}}");
            let pair = format!("etcd_network_active_peers{{Local=\"{own}\",Remote=\"{id}\"}}");
            holds(&pair, &one_if(runs))?;
            holds(&of("etcd_network_peer_sent_bytes_total", "To"), &some)?;
            if runs {
                holds(&of("etcd_network_peer_received_bytes_total", "From"), &some)?;
            }
            for stream in ["control", "bulk"] {
                let of = |name: &str| format!("{name}{{To=\"{id}\",stream=\"{stream}\"}}");
                holds(&of("etcd2_peer_connected"), &one_if(runs))?;
                holds(&of("etcd2_peer_queue_bytes"), &|value| value.is_some())?;
                holds(&of("etcd2_peer_queue_messages"), &|value| value.is_some())?;
            }
            let behind = of("etcd2_peer_entries_behind", "To");
            let trips = of("etcd_network_peer_round_trip_time_seconds_count", "To");
            match (leads, runs) {
                (true, true) => {
                    holds(&behind, &|value| value == Some(0.0))?;
                    holds(&trips, &some)?;
                }
                (true, false) => holds("etcd_server_heartbeat_send_failures_total", &some)?,
                (false, _) => holds(&behind, &|value| value.is_none())?,
            }
        }
        Ok(())
    }

    fn assert_vars(&self, leader: usize) {
        let running = self.running();
        for member in &running {
            let vars = self.json(*member, "/debug/vars");
            assert!(vars["cmdline"][0].is_string(), "{vars}");
            assert!(vars["file_descriptor_limit"].is_u64(), "{vars}");
            let progress = vars["raft.status"]["progress"]
                .as_object()
                .expect("an object");
            let commit = vars["raft.status"]["commit"].as_u64().expect("an index");
            assert_eq!(progress.is_empty(), *member != leader, "{vars}");
            for other in self.cluster.others(*member) {
                let peer = &vars["etcd2.peers"][&self.ids[other]];
                assert_eq!(peer["name"], format!("m{other}"), "{vars}");
                let runs = running.contains(&other);
                assert_eq!(peer["control"]["connected"], runs, "{vars}");
                if !runs {
                    assert!(peer["bulk"]["lastError"].is_string(), "{vars}");
                } else if *member == leader {
                    assert_eq!(progress[&self.ids[other]]["behind"], 0, "{vars}");
                    assert_eq!(progress[&self.ids[other]]["match"], commit, "{vars}");
                }
            }
        }
    }

    /// Both clients, at every member that runs.
    fn assert_health(&self, last: &str, code: i32) {
        for member in self.running() {
            for program in [client::ours(), client::debian()] {
                let (text, ended) = health(&program, &self.cluster[member].url());
                assert_eq!(text.lines().last(), Some(last), "{text}");
                assert_eq!(ended, Some(code), "{text}");
                let healthy = text
                    .lines()
                    .filter(|line| line.contains(" is healthy: got"));
                assert_eq!(healthy.count(), self.running().len(), "{text}");
            }
        }
    }

    fn assert_all(&self, health: &str, code: i32) {
        let leader = self.cluster.leader();
        self.wait_figures(leader);
        self.assert_who_leads(leader);
        self.assert_who_belongs();
        self.assert_vars(leader);
        self.assert_health(health, code);
    }
}

fn health(client: &Client, endpoint: &str) -> (String, Option<i32>) {
    let output = Command::new(client.program())
        .args(["--endpoints", endpoint, "cluster-health"])
        .env_clear()
        .env("ETCDCTL_API", "2")
        .output()
        .expect("the client is started");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (text, output.status.code())
}

#[test]
fn every_member_shows_the_same_also_while_one_is_down() {
    let mut shown = Shown::new(Cluster::start(3));
    shown.cluster.wait_healthy();
    shown.assert_all("cluster is healthy", 0);
    let leader = shown.cluster.leader();
    let follower = shown.cluster.others(leader)[0];
    let status = shown.cluster[follower].terminate(LIMIT);
    assert_eq!(status.code(), Some(0));
    shown.assert_all("cluster is degraded", 5);
    shown.cluster[follower].restart();
    shown.cluster.wait_healthy();
    shown.assert_all("cluster is healthy", 0);
    let leader = shown.cluster.leader();
    shown.cluster[leader].kill();
    shown.assert_all("cluster is degraded", 5);
}
