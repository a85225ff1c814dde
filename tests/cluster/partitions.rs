//! Members that are cut off from the others, while clients still reach them: a minority refuses in time what only a majority
//! may say, the majority goes on, and after that all agree.

use std::cell::Cell;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use super::history;
use super::namespace::{self, Cut, inside};
use super::support::absent::not_run;
use super::support::cluster::{Cluster, read, within};
use super::support::http::Request;

/// Of the service: 5 s and two election time-outs. Three times as much is no matter of the machine any more.
const REFUSED_WITHIN: Duration = Duration::from_secs(3 * 6);

/// What needs a majority is refused there, in time and as what it is; what needs none is answered.
fn assert_refuses(address: SocketAddr) {
    let asks = [
        Request::put("/v2/keys/minority", "value=x"),
        Request::put("/v2/keys/minority", "value=x&prevExist=false"),
        Request::get("/v2/keys/before"),
        Request::get("/v2/keys/before?quorum=true"),
        Request::delete("/v2/keys/before"),
    ];
    let began = Instant::now();
    let asks = asks.map(|request| thread::spawn(move || within(address, &request, REFUSED_WITHIN)));
    for ask in asks {
        let answer = ask.join().expect("it ends");
        let answer =
            answer.unwrap_or_else(|why| panic!("no answer in {:?}: {why}", began.elapsed()));
        let text = answer.text();
        assert_eq!(answer.status(), 500, "{}", answer.dump());
        assert!(text.contains("\"errorCode\":300"), "{}", answer.dump());
        assert!(text.contains("request timed out"), "{}", answer.dump());
    }
    let local = Request::get("/v2/keys/before?local=true");
    let local = within(address, &local, REFUSED_WITHIN).expect("it is answered");
    assert_eq!(local.status(), 200, "{}", local.dump());
}

fn write(address: SocketAddr, key: &str) {
    let request = Request::put(&format!("/v2/keys{key}"), "value=x");
    let answer = within(address, &request, Duration::from_secs(20)).expect("it is answered");
    assert!(matches!(answer.status(), 200 | 201), "{}", answer.dump());
}

/// Cuts one member off, and mends it.
fn assert_survives(cluster: &mut Cluster, lost: usize, cut: Cut, round: usize) {
    let others = cluster.others(lost);
    let address = |member: usize| cluster[member].addr();
    write(address(lost), "/before");
    namespace::cut(lost, cut);
    cluster.leader_among(&others);
    thread::scope(|scope| {
        let minority = scope.spawn(|| assert_refuses(address(lost)));
        for number in 0..50 {
            let key = format!("/majority/{round}/{number}");
            write(address(others[number % 2]), &key);
            assert_eq!(read(address(others[(number + 1) % 2]), &key).status(), 200);
        }
        minority.join().expect("the minority refuses");
    });
    let health = within(address(lost), &Request::get("/health"), REFUSED_WITHIN);
    assert_eq!(health.expect("it is answered").status(), 503);
    namespace::mend(lost, cut);
    cluster.wait_healthy();
    let (tree, _) = cluster.agreed();
    assert!(tree.contains(&format!("/majority/{round}/49")), "{tree}");
    write(cluster[lost].addr(), &format!("/after/{round}"));
}

#[test]
fn a_follower_that_is_cut_off_in_any_way_refuses_and_comes_back() {
    inside(
        "partitions::a_follower_that_is_cut_off_in_any_way_refuses_and_comes_back",
        || {
            let mut cluster = namespace::start(3);
            for (round, cut) in [Cut::Sent, Cut::Received, Cut::Both]
                .into_iter()
                .enumerate()
            {
                let leader = cluster.leader();
                let follower = cluster.others(leader)[round % 2];
                println!("{cut:?}");
                assert_survives(&mut cluster, follower, cut, round);
            }
        },
    );
}

#[test]
fn a_leader_that_is_cut_off_in_any_way_refuses_and_follows() {
    inside(
        "partitions::a_leader_that_is_cut_off_in_any_way_refuses_and_follows",
        || {
            let mut cluster = namespace::start(3);
            for (round, cut) in [Cut::Sent, Cut::Received, Cut::Both]
                .into_iter()
                .enumerate()
            {
                let leader = cluster.leader();
                println!("{cut:?}");
                assert_survives(&mut cluster, leader, cut, round);
            }
        },
    );
}

#[test]
fn the_history_is_one_registers_while_leaders_are_cut_off() {
    inside(
        "partitions::the_history_is_one_registers_while_leaders_are_cut_off",
        || {
            let mut cluster = namespace::start(3);
            let cuts = Cell::new(Cut::Both);
            history::judge(
                &mut cluster,
                |_, lost, rng| {
                    cuts.set(rng.choose(&[Cut::Sent, Cut::Received, Cut::Both]));
                    namespace::cut(lost, cuts.get());
                },
                |_, lost| namespace::mend(lost, cuts.get()),
            );
        },
    );
}

/// A round trip longer than a heartbeat: slower, and nothing else.
#[test]
fn a_slow_network_costs_time_alone() {
    inside("partitions::a_slow_network_costs_time_alone", || {
        let mut cluster = namespace::start(3);
        for member in 0..3 {
            if let Err(why) = namespace::delay(member, 20) {
                return not_run(&format!(
                    "no delay, the kernel lacks netem ({})",
                    why.trim()
                ));
            }
        }
        let terms = |cluster: &Cluster| {
            let logs = cluster.iter().map(|member| member.log());
            logs.map(|log| log.matches(" leads term ").count())
                .sum::<usize>()
        };
        let before = terms(&cluster);
        for number in 0..20 {
            write(cluster[number % 3].addr(), &format!("/slow/{number}"));
        }
        assert_eq!(terms(&cluster), before, "the leader changed");
        cluster.wait_healthy();
        let (tree, _) = cluster.agreed();
        assert!(tree.contains("/slow/19"), "{tree}");
    });
}
