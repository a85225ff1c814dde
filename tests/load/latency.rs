//! How long exchanges took.

use std::time::Duration;

#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn add(&mut self, took: Duration) {
        self.0.push(took);
    }

    pub(crate) fn extend(&mut self, more: Latencies) {
        self.0.extend(more.0);
    }

    /// The median and the 99th of 100, in milliseconds; `–` when there is none.
    pub(crate) fn show(&self) -> String {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        match (rank(&sorted, 50), rank(&sorted, 99)) {
            (Some(half), Some(most)) => format!("{} / {}", milliseconds(half), milliseconds(most)),
            _ => "–".to_owned(),
        }
    }
}

/// The smallest that `percent` of 100 do not exceed.
fn rank(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let at = (sorted.len() * percent).div_ceil(100).checked_sub(1)?;
    sorted.get(at).copied()
}

fn milliseconds(time: Duration) -> String {
    let time = time.as_secs_f64() * 1e3;
    if time < 10.0 {
        format!("{time:.1}")
    } else {
        format!("{time:.0}")
    }
}

#[test]
fn ranks_are_those_of_the_sorted_times() {
    let mut times = Latencies::default();
    assert_eq!(times.show(), "–");
    for number in (1..=200).rev() {
        times.add(Duration::from_millis(number));
    }
    assert_eq!(times.show(), "100 / 198");
    let mut one = Latencies::default();
    one.add(Duration::from_micros(1_250));
    assert_eq!(one.show(), "1.2 / 1.2");
}
