//! What is told of a disk that is late, and what is taken back.

use super::*;

fn watchdog() -> (Watchdog, Arc<WriteRefusals>, Instant) {
    let refusals = Arc::new(WriteRefusals::default());
    let watchdog = Watchdog::new(refusals.clone(), Clock::system());
    watchdog.set_patience(Duration::from_secs(7));
    watchdog.set_data_dir("/data".into());
    let begun = watchdog.made + Duration::from_secs(100);
    (watchdog, refusals, begun)
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_quick_operation_is_never_told() {
    let (watchdog, refusals, begun) = watchdog();
    assert_eq!(watchdog.look(begun), LOOK);
    watchdog.begin(Work::LogSync, begun);
    // The next look is when it becomes slow.
    assert_eq!(watchdog.look(begun + SECOND / 4), SECOND * 3 / 4);
    watchdog.end(Work::LogSync, Some(SECOND / 2));
    assert!(!watchdog.is_slow());
    assert_eq!(watchdog.figures(Work::LogSync, begun), (0, Duration::ZERO));
    assert!(!refusals.any());
}

#[test]
fn a_slow_one_is_told_while_it_lasts_and_counted_when_it_returns() {
    let (watchdog, refusals, begun) = watchdog();
    watchdog.begin(Work::LogSync, begun);
    let later = begun + 3 * SECOND;
    assert_eq!(watchdog.look(later), LOOK);
    assert!(watchdog.is_slow());
    assert_eq!(watchdog.overdue(later), None);
    let hanging = "the log's sync of /data/wal has not returned for 3 s";
    assert_eq!(watchdog.hanging(later).as_deref(), Some(hanging));
    assert_eq!(watchdog.figures(Work::LogSync, later), (0, 3 * SECOND));
    assert!(!refusals.any(), "writes still have time");
    watchdog.end(Work::LogSync, Some(3 * SECOND));
    assert!(!watchdog.is_slow());
    assert_eq!(watchdog.figures(Work::LogSync, later), (1, Duration::ZERO));
}

#[test]
fn one_that_outlasts_a_request_refuses_writes_until_it_returns() {
    let (watchdog, refusals, begun) = watchdog();
    watchdog.begin(Work::StoreWrite, begun);
    watchdog.look(begun + 8 * SECOND);
    let sentence = "a write to the store in /data/store has not returned for 8 s: check the disk";
    assert_eq!(
        refusals.first(),
        Some(WriteRefusal::SlowDisk(sentence.to_owned()))
    );
    assert_eq!(
        watchdog.overdue(begun + 8 * SECOND).as_deref(),
        Some(sentence)
    );
    watchdog.end(Work::StoreWrite, None);
    assert!(!refusals.any());
    assert_eq!(watchdog.overdue(begun + 8 * SECOND), None);
}

#[test]
fn a_flush_that_hangs_is_unhealthy_and_refuses_nothing() {
    let (watchdog, refusals, begun) = watchdog();
    watchdog.begin(Work::StoreFlush, begun);
    watchdog.look(begun + 60 * SECOND);
    assert!(watchdog.overdue(begun + 60 * SECOND).is_some());
    assert!(!refusals.any());
    assert!(!watchdog.is_slow());
}

#[test]
fn looks_at_the_disk_are_marked_for_each_thread() {
    let (watchdog, refusals, begun) = watchdog();
    watchdog.begin(Work::FlushLook, begun);
    watchdog.look(begun + 9 * SECOND);
    let sentence = "the flush thread's look at the disk of /data has not returned for 9 s";
    assert_eq!(
        watchdog.hanging(begun + 9 * SECOND).as_deref(),
        Some(sentence)
    );
    assert!(watchdog.overdue(begun + 9 * SECOND).is_some());
    assert!(!refusals.any(), "it holds up no write");
    watchdog.begin(Work::LogLook, begun);
    watchdog.look(begun + 9 * SECOND);
    assert!(refusals.holds(RefusalKind::SlowDisk));
    watchdog.end(Work::LogLook, None);
    assert!(!refusals.any());
}

/// A process that was stopped finds the log's sync late in the moment in which it ends.
#[test]
fn an_end_in_the_middle_of_a_look_leaves_nothing_behind() {
    let (watchdog, refusals, begun) = watchdog();
    let (looks, ends) = (std::sync::Barrier::new(2), 20_000);
    // Told at the end: a panic here would leave the other thread waiting.
    let mut left = Vec::new();
    std::thread::scope(|threads| {
        threads.spawn(|| {
            for _ in 0..ends {
                looks.wait();
                watchdog.look(begun + 9 * SECOND);
                looks.wait();
            }
        });
        for round in 0..ends {
            watchdog.begin(Work::LogSync, begun);
            looks.wait();
            // The two have no other clock in common: each round meets another moment of the look.
            (0..round % 512).for_each(|_| std::hint::spin_loop());
            watchdog.end(Work::LogSync, Some(9 * SECOND));
            looks.wait();
            if refusals.any() || watchdog.is_slow() {
                left.push(round);
            }
        }
    });
    assert!(left.is_empty(), "left by rounds {left:?}");
}

#[test]
fn an_end_that_crosses_a_look_leaves_nothing_behind() {
    let (watchdog, refusals, begun) = watchdog();
    watchdog.begin(Work::LogSync, begun);
    let (since, age) = watchdog
        .under_way(Work::LogSync, begun + 9 * SECOND)
        .expect("it is under way");
    watchdog.end(Work::LogSync, Some(SECOND / 2));
    // The look had read the mark before the end.
    watchdog.tell(Work::LogSync, since, age);
    assert!(!refusals.any());
    assert!(!watchdog.is_slow());
}
