//! What clients of all members see while leaders are killed, or stopped and let go on: one register for each key, and one
//! order of all writes.

use std::sync::atomic::Ordering;
use std::thread;

use super::clients::{Client, Noted, Run};
use super::support::cluster::Cluster;
use super::support::linearizable;
use super::support::seed::{self, Rng};
use super::support::wait::until;

const CLIENTS: u64 = 6;
const KEYS: usize = 4;

/// Answers between two disturbances, and after the last one.
const ANSWERS: u64 = 150;

#[test]
fn the_history_is_one_registers_while_leaders_are_killed() {
    judge(
        &mut Cluster::start(3),
        |cluster, lost, _| cluster[lost].kill(),
        |cluster, lost| cluster[lost].restart(),
    );
}

/// Who is let go on believes for a moment that it still leads.
#[test]
fn the_history_is_one_registers_while_leaders_are_paused() {
    judge(
        &mut Cluster::start(3),
        |cluster, lost, _| cluster[lost].suspend(),
        |cluster, lost| cluster[lost].resume(),
    );
}

/// Loses a member, mostly the leader, and has it back, time and again.
pub(crate) fn judge(
    cluster: &mut Cluster,
    mut lose: impl FnMut(&mut Cluster, usize, &mut Rng),
    mut back: impl FnMut(&mut Cluster, usize),
) {
    let seed = seed::from_env("CLUSTER_SEED");
    let rounds = seed::number_from_env("CLUSTER_ROUNDS", 5);
    println!("CLUSTER_SEED={seed} CLUSTER_ROUNDS={rounds}");
    let run = Run::begin();
    let run_of_all = &run;
    let members = cluster.addresses();
    let clients = (0..CLIENTS).map(|number| Client::new(seed, number, KEYS, members.clone()));
    let noted = thread::scope(|scope| {
        let clients: Vec<_> = clients
            .map(|client| scope.spawn(|| client.run(run_of_all)))
            .collect();
        // Who asks must end also where a disturbance fails.
        let over = EndOfRun(&run);
        let mut rng = Rng::new(seed);
        for _ in 0..rounds {
            let leader = cluster.leader();
            let lost = match rng.chance(80) {
                true => leader,
                false => cluster.others(leader)[rng.below(2) as usize],
            };
            await_answers(&run, "while all are there");
            lose(cluster, lost, &mut rng);
            // The others have a leader of their own before it is back.
            cluster.leader_among(&cluster.others(lost));
            await_answers(&run, "without one of three");
            back(cluster, lost);
            await_answers(&run, "after it is back");
        }
        drop(over);
        let clients = clients.into_iter().map(thread::ScopedJoinHandle::join);
        clients
            .flat_map(|noted| noted.expect("a client ends well"))
            .collect::<Vec<_>>()
    });
    let unanswered = noted
        .iter()
        .filter(|noted| noted.call.reply.is_none())
        .count();
    println!(
        "{} calls, {unanswered} of them without an answer",
        noted.len()
    );
    cluster.wait_healthy();
    cluster.agreed();
    assert_in_order(&noted);
    for key in 0..KEYS {
        let calls: Vec<_> = noted
            .iter()
            .filter(|noted| noted.key == key)
            .map(|noted| noted.call.clone())
            .collect();
        if let Err(why) = linearizable::check(&calls) {
            panic!("CLUSTER_SEED={seed}: key {key} is no register: {why}");
        }
    }
}

struct EndOfRun<'a>(&'a Run);

impl Drop for EndOfRun<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::SeqCst);
    }
}

fn await_answers(run: &Run, when: &str) {
    let wanted = run.answered.load(Ordering::SeqCst) + ANSWERS;
    until(&format!("clients get no answers {when}"), || {
        run.answered.load(Ordering::SeqCst) >= wanted
    });
}

/// What was answered before a call began stands below it: the index of its answer is no lower than that of any write which
/// was answered before, whatever the key and the member.
fn assert_in_order(noted: &[Noted]) {
    let mut moments = Vec::new();
    for noted in noted {
        if let (Some(reply), Some(index)) = (&noted.call.reply, noted.index) {
            moments.push((noted.call.began, false, index, noted));
            if let Some(wrote) = noted.wrote {
                moments.push((reply.at, true, wrote, noted));
            }
        }
    }
    moments.sort_by_key(|(at, answered, ..)| (*at, *answered));
    let mut last: Option<(u64, &Noted)> = None;
    for (_, answered, index, noted) in moments {
        if answered {
            if last.is_none_or(|(highest, _)| index > highest) {
                last = Some((index, noted));
            }
        } else if let Some((highest, before)) = last {
            let least = highest + u64::from(noted.wrote.is_some());
            assert!(
                index >= least,
                "an answer at index {index} to one who asked after index {highest} was told:\n{before:?}\n{noted:?}"
            );
        }
    }
}
