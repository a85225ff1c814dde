//! Random histories beside a plain model: what was appended is what is read, across truncation, release,
//! restart and reopening.

use wal::Position;

use crate::support::{Driver, each_seed, small_options};

#[test]
fn random_histories_read_back_as_the_model_says() {
    each_seed("random_histories", 150, |seed| {
        let mut driver = Driver::new(seed, small_options());
        driver.options.spare_segments = (seed % 3) as usize;
        driver.create().unwrap();
        for _ in 0..60 {
            match driver.random.below(12) {
                0..=5 => driver.append_random().unwrap(),
                6 => driver.log().write().unwrap(),
                7 | 8 => driver.sync().unwrap(),
                9 => driver.release_random().unwrap(),
                10 => {
                    driver.log().prepare_next().unwrap();
                }
                _ => reopen(&mut driver),
            }
            if driver.random.one_in(8) {
                driver.log().write().unwrap();
                driver.check();
            }
        }
    });
}

fn reopen(driver: &mut Driver) {
    if driver.random.one_in(6) {
        let index = driver.latest().last() + driver.random.below(50);
        let base = Position {
            term: driver.term,
            index,
        };
        driver.restart_at(base).unwrap();
    } else if driver.random.one_in(2) {
        driver.sync().unwrap();
    }
    driver.disk.restart();
    driver.open().unwrap();
}
