//! F3, F4 and F8 with whole processes. The newest log segment holds zeros from record borders and from anywhere on, as a
//! power loss leaves a file that was filled before it was used, or has zeros appended: it opens and serves what was
//! flushed together with what the log still holds, unless a witness proves more durable. A segment that ends early has
//! lost bytes it had: it is refused, and serves what it names once that is accepted.

use super::event::{Event, Tree};
use super::history;
use super::loss::{self, Refusal};
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
        proof.cut(offset);
    }
}

#[test]
fn log_cut_anywhere() {
    let mut proof = Proof::new("log_cut_anywhere", NEVER);
    for _ in 0..seed::number_from_env("CRASH_CUTS", 30) {
        let offset = proof.offset();
        proof.cut(offset);
    }
}

/// The store is ahead of many of these cuts: it must not fall back behind what it flushed.
#[test]
fn log_cut_below_what_was_flushed() {
    let mut proof = Proof::new("log_cut_below_what_was_flushed", OFTEN);
    for _ in 0..seed::number_from_env("CRASH_CUTS", 30) {
        let offset = proof.offset();
        proof.cut(offset);
    }
}

/// With and without a store that is ahead of some of the ends.
#[test]
fn log_that_ends_early_is_refused() {
    for snapshot_count in [NEVER, OFTEN] {
        let mut proof = Proof::new("log_that_ends_early_is_refused", snapshot_count);
        for _ in 0..seed::number_from_env("CRASH_CUTS", 30).div_ceil(3) {
            let offset = proof.offset();
            proof.truncate(offset);
        }
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

    /// Zeros everything from `offset` on, starts, checks what is served, and that a write goes on from there.
    fn cut(&mut self, offset: u64) {
        self.written
            .restore_with(|content| content.bytes.truncate(offset as usize));
        let server = &mut self.written.server;
        let said_before = server.log().len();
        server.respawn();
        if let Err(why) = server.wait_ready() {
            let said = server.log().split_off(said_before);
            let refusal = Refusal::of(format!("{why}\n{said}"));
            self.check_refusal(offset, &refusal);
            return;
        }
        let (tree, index) = history::list(server);
        let (least, most) = self.bounds(offset);
        assert!(
            (least..=most).contains(&index),
            "cut at {offset}: index {index} is served, not {least} to {most}\n{}",
            self.written.server.log_tail()
        );
        assert_eq!(
            tree,
            self.written.tree_at(index),
            "cut at {offset}: the keys (left) are not those of index {index}"
        );
        let next = history::mark(&self.written.server);
        assert_eq!(next.index(), index + 1, "cut at {offset}");
        self.written.server.kill();
        let log = self.written.server.log();
        self.check_told(offset, &log[said_before..]);
    }

    /// Lets the file end at `offset`, starts, and checks that it is refused with the file, its end, and what is lost; what
    /// is served once the loss is accepted is what the refusal said.
    fn truncate(&mut self, offset: u64) {
        self.written.restore_with(|content| {
            content.bytes.truncate(offset as usize);
            content.length = offset;
        });
        let refusal = loss::refused(&mut self.written.server);
        let told = format!("ends at {offset}\n{}", refusal.text());
        let name = self.written.segment.file_name();
        let name = name.expect("a segment is a file").to_string_lossy();
        let place = format!("ends after {offset} of");
        let mut lines = refusal.text().lines();
        assert!(
            lines.any(|line| line.contains(name.as_ref()) && line.contains(&place)),
            "the file {name} and its end are not named: {told}"
        );
        self.check_accepted(&refusal, &told);
    }

    /// After the loss was accepted, exactly the writes up to the entry that the refusal named are there.
    fn check_accepted(&mut self, refusal: &Refusal, told: &str) {
        let kept = refusal.kept();
        loss::accept(&mut self.written.server, kept);
        let (tree, index) = history::list(&self.written.server);
        let held = self.written.log_indexes.iter();
        let held = held.filter(|entry| **entry <= kept).count();
        if held > 0 {
            let named = self.written.events[held - 1].index();
            assert_eq!(index, named, "entry {kept}: {told}");
            assert_eq!(tree, self.written.tree_at(index), "{told}");
        } else if index == self.written.base {
            assert_eq!(tree, self.written.before, "{told}");
        } else {
            assert_eq!(tree, Tree::new(), "{told}");
        }
        assert!(index >= self.flushed, "index {index} is served: {told}");
        self.written.server.kill();
    }

    /// A tail that was cut off is told: how many bytes, and after which entry.
    fn check_told(&self, offset: u64, said: &str) {
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
        let entry = format!(
            "after entry {}, kept in ",
            self.written.log_indexes[before - 1]
        );
        // The last bytes before the cut may have been zero anyway, so their number is not compared.
        assert!(
            said.lines()
                .any(|line| line.contains(&entry) && line.contains("cut ")),
            "cut at {offset}: no line says {entry:?}\n{said}"
        );
    }

    /// A cut may be refused only as damage: when a witness proves entries durable that are not in what is left of the
    /// log. Whatever came after the witness may be gone with them, even if the store holds all that it names.
    fn check_refusal(&mut self, offset: u64, refusal: &Refusal) {
        let told = format!("cut at {offset}\n{}", refusal.text());
        // Where no entry is named, the store holds all that the witness saw.
        let proven = refusal.proven().unwrap_or_else(|| refusal.kept());
        let Written {
            log_indexes, ends, ..
        } = &self.written;
        let whole = ends[1..].iter().filter(|end| **end <= offset).count();
        let left = log_indexes[..whole].last().copied().unwrap_or(0);
        assert!(proven > left, "entry {left} is left: {told}");
        assert!(Some(&proven) <= log_indexes.last(), "{told}");
        self.check_accepted(refusal, &told);
    }

    /// The least and the highest index that may be served after this cut.
    fn bounds(&self, offset: u64) -> (u64, u64) {
        let Written {
            events, ends, base, ..
        } = &self.written;
        let whole = ends[1..]
            .iter()
            .take_while(|end| **end + HIDDEN_END_BYTES <= offset)
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
