//! Clocks that are behind, ahead or mended, boot after boot.

use super::elapsed::in_words;
use super::*;
use crate::clock::SimulatedClock;

fn clock(boottime: u64, wall: u64, boot: u64) -> Arc<SimulatedClock> {
    Arc::new(SimulatedClock::new(boottime, wall, boot))
}

fn resume(machine: &Arc<SimulatedClock>, last: &Stamp) -> ClusterClock {
    ClusterClock::resume(Clock::simulated(machine.clone()), last)
}

const LAST: Stamp = Stamp {
    request: 0,
    cluster_time: 500,
    wall: 10_000,
    behind: 0,
    boot: 1,
    boottime: 100,
};

#[test]
fn the_same_boot_counts_boot_time_whatever_the_wall_says() {
    let machine = clock(130, 1, 1);
    let cluster = resume(&machine, &LAST);
    assert_eq!(cluster.now(), 530);
    machine.set_wall(99_999_999);
    machine.advance(Duration::from_nanos(10));
    assert_eq!(cluster.now(), 540);
}

#[test]
fn another_boot_counts_the_wall_and_never_goes_back() {
    assert_eq!(resume(&clock(5, 10_700, 2), &LAST).now(), 1_200);
    assert_eq!(resume(&clock(5, 9_000, 2), &LAST).now(), 500);
}

#[test]
fn observing_only_moves_forward() {
    let cluster = resume(&clock(130, 0, 1), &LAST);
    cluster.observe(10);
    assert_eq!(cluster.now(), 530);
    cluster.observe(9_000);
    assert_eq!(cluster.now(), 9_000);
}

/// A stamp whose wall clock shows cluster time itself.
fn at(cluster_time: u64) -> Stamp {
    Stamp {
        cluster_time,
        wall: cluster_time,
        ..Stamp::default()
    }
}

/// An hour that another member's wall clock was ahead must not count again when this machine, whose clock is ahead too, boots.
#[test]
fn a_member_that_follows_keeps_how_far_a_wall_clock_was_ahead() {
    let ahead = Stamp {
        wall: 9_000 + HOUR,
        ..at(9_000)
    };
    let cluster = resume(&clock(130, 9_000, 1), &LAST);
    cluster.follow(&ahead);
    cluster.begin_to_lead();
    let stamp = cluster.stamp(0);
    assert_eq!(stamp.wall + stamp.behind, stamp.cluster_time + HOUR);
}

#[test]
fn a_member_that_follows_has_the_leaders_time_and_passes_all_of_it_when_it_leads() {
    let machine = clock(130, 0, 1);
    let cluster = resume(&machine, &LAST);
    cluster.follow(&at(9_000));
    // Its own clock runs faster than the leader's.
    machine.advance(Duration::from_nanos(400));
    cluster.follow(&at(9_300));
    assert_eq!(cluster.now(), 9_300, "not 9,400");
    machine.advance(Duration::from_nanos(50));
    cluster.follow(&at(9_320));
    assert_eq!(cluster.now(), 9_320, "not 9,350");
    cluster.begin_to_lead();
    assert_eq!(cluster.now(), 9_320);
}

#[test]
fn what_stands_in_the_log_at_a_start_counts_for_one_that_leads() {
    let cluster = resume(&clock(130, 0, 1), &LAST);
    cluster.has_logged(&at(7_000));
    assert_eq!(cluster.now(), 530);
    cluster.begin_to_lead();
    assert_eq!(cluster.now(), 7_000);
}

/// A leader that was cut off has entries that nobody else ever had. Once another one's stand in their place, their times say
/// nothing: those who hold the others count by these.
#[test]
fn what_another_leader_replaced_in_the_log_counts_no_more() {
    let cluster = resume(&clock(130, 0, 1), &LAST);
    cluster.has_logged(&at(7_000));
    cluster.follow(&at(600));
    cluster.begin_to_lead();
    assert_eq!(cluster.now(), 600);
}

const HOUR: u64 = 3_600_000_000_000;
const YEAR: u64 = 365 * 24 * HOUR;
/// A wall clock that is right at the start of a test.
const RIGHT: u64 = 56 * YEAR;

/// The last stamp of a boot that lasts `hours`, with a wall clock that shows `wall` at its start; what the stamp loses
/// on its way through the log is lost here too.
fn boot(number: u64, last: &Stamp, wall: u64, hours: u64) -> (u64, Stamp) {
    let machine = clock(1, wall, number);
    let cluster = resume(&machine, last);
    cluster.catch_up(last);
    let begun = cluster.now();
    machine.advance(Duration::from_nanos(hours * HOUR));
    let data = crate::command::Proposal::of_server(&[]).stamp(&cluster.stamp(0));
    let stamp = crate::command::Stamp::decode(&data).expect("a stamp is read back");
    (begun, stamp)
}

#[test]
fn a_boot_with_the_clock_behind_ages_nothing_and_the_next_one_exactly_what_was_missed() {
    for behind in [HOUR / 2, 30 * HOUR, 20 * YEAR, RIGHT - 1_000] {
        let (begun, first) = boot(1, &Stamp::default(), RIGHT, 10);
        assert_eq!((begun, first.behind), (0, 0));
        let at = RIGHT + 11 * HOUR;
        let (begun, second) = boot(2, &first, at - behind, 5);
        let counted = HOUR.saturating_sub(behind);
        assert_eq!(begun, 10 * HOUR + counted, "behind by {behind}");
        // Shown as the machine says it.
        assert_eq!(second.wall, at - behind + 5 * HOUR);
        // Another, as wrong.
        let (begun, third) = boot(3, &second, RIGHT + 17 * HOUR - behind, 50);
        assert!(begun <= 17 * HOUR, "behind by {behind}");
        let (begun, _) = boot(4, &third, RIGHT + 70 * HOUR, 0);
        assert_eq!(begun, 70 * HOUR, "behind by {behind}");
    }
}

#[test]
fn a_clock_that_is_mended_while_it_runs_counts_from_the_right_time() {
    let (_, first) = boot(1, &Stamp::default(), RIGHT, 10);
    let machine = clock(1, RIGHT - 20 * YEAR, 2);
    let cluster = resume(&machine, &first);
    assert!(cluster.stamp(0).behind > 19 * YEAR);
    assert!(!cluster.was_set_forward());
    machine.advance(Duration::from_nanos(HOUR));
    machine.set_wall(RIGHT + 12 * HOUR);
    assert!(cluster.was_set_forward());
    let second = cluster.stamp(0);
    assert!(!cluster.was_set_forward());
    assert_eq!((second.cluster_time, second.behind), (11 * HOUR, 0));
    let (begun, _) = boot(3, &second, RIGHT + 13 * HOUR, 0);
    assert_eq!(begun, 12 * HOUR);
}

#[test]
fn a_clock_that_was_ahead_makes_keys_end_late_by_as_much_and_never_early() {
    let (_, first) = boot(1, &Stamp::default(), RIGHT + 3 * HOUR, 10);
    let (begun, second) = boot(2, &first, RIGHT + 11 * HOUR, 1);
    assert_eq!(begun, 10 * HOUR);
    assert_eq!(second.wall, RIGHT + 12 * HOUR);
    let (begun, third) = boot(3, &second, RIGHT + 14 * HOUR, 1);
    assert_eq!(begun, 11 * HOUR);
    let (begun, _) = boot(4, &third, RIGHT + 25 * HOUR, 0);
    assert_eq!(begun, 22 * HOUR, "three hours late");
}

/// The store may be of a time before the clock was mended, and the log of one after it.
#[test]
fn the_last_command_alone_says_what_passed() {
    let old = Stamp { wall: 5, ..LAST };
    let cluster = resume(&clock(1, RIGHT, 2), &old);
    let last = Stamp {
        cluster_time: 600,
        wall: RIGHT - 50,
        ..LAST
    };
    cluster.observe(600);
    cluster.catch_up(&last);
    assert_eq!(cluster.now(), 650);
}

#[test]
fn what_is_odd_about_a_clock_is_told_in_words() {
    let since = |wall| Elapsed::since(&LAST, &Clock::simulated(clock(5, wall, 2)));
    assert_eq!(since(9_000), Elapsed::Behind(Duration::from_nanos(1_000)));
    assert_eq!(since(10_700), Elapsed::Off(Duration::from_nanos(700)));
    for (seconds, words) in [
        (7_300 * 86_400, "7300 days"),
        (100_000, "27 hours"),
        (3_600, "3600 s"),
    ] {
        assert_eq!(in_words(Duration::from_secs(seconds)), words);
    }
}
