//! F3, F4 and F8 with whole processes: the newest log segment cut at record borders and anywhere, its end zeroed, zeros
//! appended. Every variant opens and serves what was flushed together with what the log still holds.

use super::event::Event;
use super::history;
use super::segment::Written;
use super::support::seed::{self, Rng};

/// Writes before the cuts.
const WRITES: usize = 120;

/// A flush never happens within so few entries, or after every few.
const NEVER: u64 = 1_000_000;
const OFTEN: u64 = 20;

/// A record may end in this many zero bytes, which are not told from the zeros after it.
const HIDDEN_END_BYTES: u64 = 64;

/// What is written at once fills its last sector up with zeros, and is whole only with them.
const SECTOR_BYTES: u64 = 512;

/// How the bytes from the cut on are lost.
#[derive(Clone, Copy, Debug)]
enum Loss {
    /// The file ends there.
    Truncated,
    /// The file keeps its length and holds zeros from there on.
    Zeroed,
}

#[test]
fn log_cut_at_record_borders() {
    let mut proof = Proof::new("log_cut_at_record_borders", NEVER);
    let cuts = seed::number_from_env("CRASH_CUTS", 30) as usize;
    let mut offsets: Vec<u64> = Vec::new();
    for &end in &proof.written.ends[1..] {
        offsets.extend([end - 1, end, end + 1]);
    }
    // The last border is where a real crash cuts; the others are sampled unless the run is a long one.
    let newest = offsets.split_off(offsets.len() - 3);
    proof.rng.shuffle(&mut offsets);
    offsets.truncate(cuts);
    for offset in newest.into_iter().chain(offsets) {
        proof.cut(offset, Loss::Truncated);
    }
}

#[test]
fn log_cut_anywhere() {
    let mut proof = Proof::new("log_cut_anywhere", NEVER);
    for _ in 0..seed::number_from_env("CRASH_CUTS", 30) {
        let offset = proof.offset();
        let loss = *proof.rng.pick(&[Loss::Truncated, Loss::Zeroed]);
        proof.cut(offset, loss);
    }
}

/// The store is ahead of many of these cuts: it must not fall back behind what it flushed.
#[test]
fn log_cut_below_what_was_flushed() {
    let mut proof = Proof::new("log_cut_below_what_was_flushed", OFTEN);
    for _ in 0..seed::number_from_env("CRASH_CUTS", 30) {
        let offset = proof.offset();
        let loss = *proof.rng.pick(&[Loss::Truncated, Loss::Zeroed]);
        proof.cut(offset, loss);
    }
}

#[test]
fn megabytes_of_zeros_appended() {
    let mut proof = Proof::new("megabytes_of_zeros_appended", NEVER);
    proof
        .written
        .restore_with(|content| content.length += 5 << 20);
    proof.written.server.restart();
    let (tree, index) = history::list(&proof.written.server);
    assert_eq!(index, proof.written.last());
    assert_eq!(tree, proof.written.tree_at(index));
}

struct Proof {
    rng: Rng,
    written: Written,
    /// The index up to which the store alone holds everything.
    flushed: u64,
}

impl Proof {
    fn new(test: &str, snapshot_count: u64) -> Proof {
        let seed = seed::from_env("CRASH_SEED");
        println!("replay: CRASH_SEED={seed} cargo test --test crash {test}");
        let mut rng = Rng::new(seed);
        let mut written = Written::new(&mut rng, snapshot_count, WRITES);
        let flushed = written.flushed();
        let any = flushed > written.base;
        assert_eq!(any, snapshot_count == OFTEN, "{flushed} was flushed");
        Proof {
            rng,
            written,
            flushed,
        }
    }

    /// An offset between the first write's begin and a little after the last one's end.
    fn offset(&mut self) -> u64 {
        let (first, last) = (self.written.ends[0], self.written.ends[WRITES]);
        self.rng.between(first, last + 600)
    }

    /// Cuts at `offset`, starts, checks what is served, and that a write goes on from there.
    fn cut(&mut self, offset: u64, loss: Loss) {
        self.written.restore_with(|content| {
            content.bytes.truncate(offset as usize);
            if matches!(loss, Loss::Truncated) {
                content.length = offset;
            }
        });
        let server = &mut self.written.server;
        let said_before = server.log().len();
        server.respawn();
        if let Err(why) = server.wait_ready() {
            let log = server.log();
            self.check_refusal(&format!("{loss:?} at {offset}: {why}"), &log[said_before..]);
            return;
        }
        let (tree, index) = history::list(server);
        let (least, most) = self.bounds(offset, loss);
        assert!(
            (least..=most).contains(&index),
            "{loss:?} at {offset}: index {index} is served, not {least} to {most}\n{}",
            self.written.server.log_tail()
        );
        assert_eq!(
            tree,
            self.written.tree_at(index),
            "{loss:?} at {offset}: the keys (left) are not those of index {index}"
        );
        let next = history::mark(&self.written.server);
        assert_eq!(next.index(), index + 1, "{loss:?} at {offset}");
        self.written.server.kill();
        let log = self.written.server.log();
        self.check_told(offset, loss, &log[said_before..]);
    }

    /// A tail that was cut off is told: how many bytes, and after which entry.
    fn check_told(&self, offset: u64, loss: Loss, said: &str) {
        let ends = &self.written.ends;
        let before = ends.iter().rposition(|end| *end < offset).unwrap_or(0);
        let begins = ends[before].next_multiple_of(SECTOR_BYTES);
        let torn = before > 0
            && self.flushed <= self.written.base
            && offset > begins + HIDDEN_END_BYTES
            && ends.get(before + 1).is_some_and(|end| offset < *end);
        if !torn {
            return;
        }
        let entry = format!("after entry {} ", self.written.log_indexes[before - 1]);
        let bytes = match loss {
            Loss::Truncated => format!("cut {} bytes", offset - begins),
            // The last bytes before the cut may have been zero anyway.
            Loss::Zeroed => "cut ".to_owned(),
        };
        assert!(
            said.lines()
                .any(|line| line.contains(&entry) && line.contains(&bytes)),
            "{loss:?} at {offset}: no line says {bytes:?} {entry:?}\n{said}"
        );
    }

    /// A cut may be refused only as damage: when entries that the store's witness proves durable are neither in the
    /// log nor in the store.
    fn check_refusal(&self, told: &str, said: &str) {
        let flushed = self.written.log_index(self.flushed);
        let lost = said
            .split("entries ")
            .nth(1)
            .and_then(|rest| rest.split(" are lost").next())
            .and_then(|range| range.rsplit(' ').next())
            .and_then(|last| last.parse::<u64>().ok());
        assert!(
            lost.is_some_and(|lost| lost > flushed),
            "{told}: refused, although the store holds everything up to entry {flushed}\n{said}"
        );
    }

    /// The least and the highest index that may be served after this loss.
    fn bounds(&self, offset: u64, loss: Loss) -> (u64, u64) {
        let Written {
            events, ends, base, ..
        } = &self.written;
        let needed = |end: u64| match loss {
            Loss::Truncated => (end + HIDDEN_END_BYTES).next_multiple_of(SECTOR_BYTES),
            Loss::Zeroed => end + HIDDEN_END_BYTES,
        };
        let whole = ends[1..]
            .iter()
            .take_while(|end| needed(**end) <= offset)
            .count();
        let touched = ends[..events.len()]
            .iter()
            .take_while(|end| **end < offset)
            .count();
        let index = |count: usize| events[..count].last().map_or(*base, Event::index);
        (
            index(whole).max(self.flushed),
            index(touched).max(self.flushed),
        )
    }
}
