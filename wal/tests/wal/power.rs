//! Power losses (F2): what a sync acknowledged is there, nothing is invented, and what is there is a
//! state the log had been in.

use crate::support::{Driver, each_seed, small_options};

#[test]
fn random_histories_survive_power_losses() {
    each_seed("random_histories_survive", 250, |seed| {
        let mut driver = Driver::new(seed, small_options());
        driver.options.spare_segments = (seed % 3) as usize;
        for _ in 0..12 {
            // The machine stops at some operation; opening again may be interrupted in the same way.
            driver.disk.stop_at(1 + driver.random.clone().below(150));
            if driver.log.is_none() {
                let _ = driver.create();
            }
            while driver.log.is_some() && driver.random_step().is_ok() {}
            crash(&mut driver);
            while driver.random.one_in(3) {
                driver.disk.stop_at(1 + driver.random.clone().below(40));
                let _ = driver.open();
                crash(&mut driver);
            }
            driver.recover();
            driver.check();
        }
    });
}

fn crash(driver: &mut Driver) {
    let loss = driver.random.next_u64();
    match driver.random.one_in(4) {
        true => {
            driver.disk.heal();
            driver.disk.restart();
        }
        false => driver.disk.power_loss(loss),
    }
    driver.log = None;
}

/// The life of a log with every kind of step in it.
fn life(driver: &mut Driver) -> Result<(), wal::Error> {
    use crate::support::{entries, entry};
    use wal::{HardState, Position};

    if driver.log.is_none() && driver.acked.last() == 0 && driver.pending.is_empty() {
        driver.create()?;
    }
    let state = |term, commit| {
        Some(HardState {
            term,
            vote: 2,
            commit,
        })
    };
    driver.log().prepare_next()?;
    driver.append(&entries(1, 1..=4, 300), state(1, 0))?;
    driver.sync()?;
    driver.append(&entries(1, 5..=16, 900), state(1, 4))?;
    driver.log().write()?;
    driver.append(&[entry(2, 15, 50)], None)?;
    driver.sync()?;
    driver.flush(9);
    driver.log().release(9)?;
    driver.append(&entries(2, 16..=30, 800), state(2, 12))?;
    driver.sync()?;
    driver.flush(24);
    driver.log().release(24)?;
    driver.log().prepare_next()?;
    driver.append(&entries(3, 31..=31, 9000), None)?;
    driver.sync()?;
    driver.disk.restart();
    driver.open()?;
    driver.append(&entries(3, 32..=33, 10), state(3, 30))?;
    driver.log().write()?;
    driver.disk.restart();
    driver.open()?;
    driver.term = 3;
    driver.restart_at(Position {
        term: 4,
        index: 100,
    })?;
    driver.append(&entries(4, 101..=110, 1500), state(4, 100))?;
    driver.sync()?;
    driver.disk.restart();
    driver.open()?;
    Ok(())
}

#[test]
fn a_crash_at_every_operation_leaves_a_log_that_opens_with_what_was_acknowledged() {
    each_seed("a_crash_at_every_operation", 6, |seed| {
        let mut whole = Driver::new(seed, small_options());
        life(&mut whole).unwrap();
        whole.check();
        let operations = whole.disk.operations();
        assert!(
            operations > 150,
            "the life is long enough to mean something: {operations}"
        );
        for n in 1..=operations {
            let mut driver = Driver::new(seed, small_options());
            driver.disk.stop_at(n);
            let _ = life(&mut driver);
            driver.log = None;
            driver.disk.power_loss(seed * 1_000_003 + n);
            driver.recover();
            let last = driver.latest().last();
            driver
                .append(&crate::support::entries(9, last + 1..=last + 3, 2000), None)
                .unwrap();
            driver.sync().unwrap();
            driver.disk.power_loss(n);
            driver.recover();
            driver.check();
        }
    });
}

#[test]
fn opening_crashed_at_every_operation_changes_nothing_that_counts() {
    each_seed("opening_crashed", 12, |seed| {
        let mut driver = Driver::new(seed, small_options());
        driver.create().unwrap();
        while driver.disk.operations() < 150 {
            if driver.log.is_none() || driver.random_step().is_err() {
                driver.recover();
            }
        }
        driver.log().write().unwrap();
        driver.log = None;
        driver.disk.power_loss(seed);
        let crashed = driver.disk.fork();
        driver.recover();
        for n in 1..60 {
            let disk = crashed.fork();
            disk.stop_at(n);
            let done = crate::support::open_plain(&disk, None).is_ok();
            disk.power_loss(seed + n);
            let (log, _) = crate::support::open_plain(&disk, None).unwrap();
            assert_eq!(
                driver.latest().differs(&log),
                None,
                "stopped at operation {n}"
            );
            if done {
                break;
            }
        }
    });
}
