//! One decoder under mutated inputs. Guarantees that what fails is printed with all that a replay needs,
//! made as small as a few seconds allow.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::time::Instant;

use crate::chance::Chance;
use crate::mutation::mutate;
use crate::setting::{FuzzSetting, Length, to_hex};

/// Inputs that the decoder took and that are mutated further; older ones make room.
const POOL_MAX: usize = 256;
/// Inputs grow to so many times the longest of the corpus, and [`GROWTH`] bytes: what is taken would otherwise grow without
/// end, and the run would copy bytes instead of deciding.
const GROWTH_FACTOR: usize = 3;
const GROWTH: usize = 256;
/// Attempts to make a failing input smaller.
const SHRINKS: usize = 2_000;

thread_local! {
    /// This thread meets a panic again that has been told.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` without a word of the panics in it; those of other threads are told as ever.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let told = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                told(panic);
            }
        }));
    });
    QUIET.set(true);
    let done = work();
    QUIET.set(false);
    done
}

/// Puts checksums right after a change.
type Mend = fn(&mut Vec<u8>);

/// Mutated inputs for one decoder; see the crate.
pub struct Campaign {
    name: &'static str,
    corpus: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
    mend: Option<Mend>,
    memory: u64,
    memory_per_byte: u64,
    share: u64,
}

impl Campaign {
    /// A campaign under the name that a failure prints: the place of the decoder.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            corpus: Vec::new(),
            words: Vec::new(),
            mend: None,
            memory: 64 << 10,
            memory_per_byte: 16,
            share: 1,
        }
    }

    /// Valid inputs, which the decoder must take as they are.
    #[must_use]
    pub fn corpus(mut self, inputs: impl IntoIterator<Item = Vec<u8>>) -> Self {
        self.corpus.extend(inputs);
        self
    }

    /// Pieces that the format knows: names, signs, numbers out of range.
    #[must_use]
    pub fn words(mut self, words: &[&[u8]]) -> Self {
        self.words.extend(words.iter().map(|word| word.to_vec()));
        self
    }

    /// Makes most changed inputs pass the checksums again, so that what lies behind them is reached.
    #[must_use]
    pub fn mend(mut self, mend: Mend) -> Self {
        self.mend = Some(mend);
        self
    }

    /// What a decoder may hold at a time: `base` bytes, and `per_byte` for each byte of the input. 64 KiB and 16
    /// where nothing is said.
    #[must_use]
    pub fn memory(mut self, base: u64, per_byte: u64) -> Self {
        (self.memory, self.memory_per_byte) = (base, per_byte);
        self
    }

    /// Runs one in `share` of the usual cases: for decoders that need a file or a server for each.
    #[must_use]
    pub fn share(mut self, share: u64) -> Self {
        self.share = share.max(1);
        self
    }

    /// Runs the campaign. `decode` says whether it took the input.
    ///
    /// # Panics
    /// When the decoder panics, takes too much memory, or refuses an input of the corpus.
    pub fn run(&self, mut decode: impl FnMut(&[u8]) -> bool) {
        let setting = FuzzSetting::of_environment();
        if setting.only.as_ref().is_some_and(|only| only != self.name) {
            return;
        }
        if let Some(input) = &setting.input {
            let taken = self.check(&mut decode, input);
            let outcome = taken.unwrap_or_else(|fault| panic!("{}: {fault}", self.name));
            eprintln!("{}: taken: {outcome}", self.name);
            return;
        }
        assert!(!self.corpus.is_empty(), "{}: no corpus", self.name);
        for input in &self.corpus {
            if !self.case(&mut decode, input, &setting, 0) {
                panic!("{}: the corpus has {} refused", self.name, to_hex(input));
            }
        }
        self.mutations(&mut decode, &setting);
    }

    fn mutations(&self, decode: &mut impl FnMut(&[u8]) -> bool, setting: &FuzzSetting) {
        // Each campaign has a stream of its own: one more decoder changes the inputs of no other.
        let own = self.name.bytes().fold(setting.seed, |seed, byte| {
            Chance::new(seed ^ u64::from(byte)).word()
        });
        let mut chance = Chance::new(own);
        let mut pool = self.corpus.clone();
        let start = Instant::now();
        for case in 1.. {
            let over = match setting.length {
                Length::Cases(cases) => case > cases.div_ceil(self.share),
                Length::Time(time) => start.elapsed() >= time,
            };
            if over {
                break;
            }
            let input = self.draw(&pool, &mut chance);
            let taken = self.case(decode, &input, setting, case);
            if taken && pool.len() < POOL_MAX {
                pool.push(input);
            } else if taken {
                // The corpus itself stays.
                let newer = pool.len() - self.corpus.len();
                let at = self.corpus.len() + chance.below(newer);
                if let Some(place) = pool.get_mut(at) {
                    *place = input;
                }
            }
        }
    }

    fn draw(&self, pool: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
        let mut input = chance.pick(pool).cloned().unwrap_or_default();
        let other = chance.pick(pool).map_or(&[][..], Vec::as_slice);
        mutate(&mut input, other, &self.words, chance);
        let longest = self.corpus.iter().map(Vec::len).max().unwrap_or_default();
        input.truncate(GROWTH_FACTOR * longest + GROWTH);
        if let Some(mend) = self.mend
            && !chance.one_in(4)
        {
            mend(&mut input);
        }
        input
    }

    /// Decodes one input; whether it was taken.
    fn case(
        &self,
        decode: &mut impl FnMut(&[u8]) -> bool,
        input: &[u8],
        setting: &FuzzSetting,
        case: u64,
    ) -> bool {
        if setting.trace {
            eprintln!("{} case {case}: {}", self.name, to_hex(input));
        }
        match self.check(decode, input) {
            Ok(taken) => taken,
            Err(fault) => {
                let (name, seed) = (self.name, setting.seed);
                // Printed at once: making it smaller meets the same fault many times, and may end worse.
                eprintln!("{name}: {fault} (seed {seed}, case {case})");
                eprintln!("FUZZ_ONLY='{name}' FUZZ_INPUT={}", to_hex(input));
                let small = quietly(|| self.shrink(decode, input));
                let fault = quietly(|| self.check(decode, &small))
                    .err()
                    .unwrap_or(fault);
                panic!(
                    "{name}: {fault}. Seed {seed}, case {case}. Again, with less:\n  \
                     FUZZ_ONLY='{name}' FUZZ_INPUT={}",
                    to_hex(&small)
                );
            }
        }
    }

    /// Whether the input was taken; an error says what went wrong.
    fn check(&self, decode: &mut impl FnMut(&[u8]) -> bool, input: &[u8]) -> Result<bool, String> {
        let mut outcome = Ok(false);
        let counted = allocation_counter::measure(|| {
            outcome = catch_unwind(AssertUnwindSafe(|| decode(input)));
        });
        let Ok(taken) = outcome else {
            return Err("the decoder panics".to_owned());
        };
        let most = self.memory + self.memory_per_byte * input.len() as u64;
        if counted.bytes_max > most {
            return Err(format!(
                "{} bytes of memory for an input of {}, and {most} are allowed",
                counted.bytes_max,
                input.len()
            ));
        }
        Ok(taken)
    }

    /// A smaller input that fails too.
    fn shrink(&self, decode: &mut impl FnMut(&[u8]) -> bool, input: &[u8]) -> Vec<u8> {
        let mut small = input.to_vec();
        let (mut piece, mut left) = (small.len() / 2, SHRINKS);
        while piece > 0 {
            let mut at = 0;
            while at < small.len() && left > 0 {
                left -= 1;
                let mut less = small.clone();
                less.drain(at..(at + piece).min(small.len()));
                if let Some(mend) = self.mend {
                    mend(&mut less);
                }
                if less.len() < small.len() && self.check(decode, &less).is_err() {
                    small = less;
                } else {
                    at += piece;
                }
            }
            piece /= 2;
        }
        small
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message with which `campaign` ends.
    fn message(campaign: &Campaign, decode: impl FnMut(&[u8]) -> bool) -> String {
        let ended = catch_unwind(AssertUnwindSafe(|| campaign.run(decode)));
        let words = ended.expect_err("the campaign finds it");
        words.downcast_ref::<String>().cloned().unwrap_or_default()
    }

    #[test]
    fn a_panic_is_found_made_small_and_printed_with_its_seed() {
        let campaign = Campaign::new("of a test")
            .corpus([b"a valid input".to_vec()])
            .words(&[b"\xff\xfe"]);
        let said = message(&campaign, |bytes| {
            assert!(!bytes.windows(2).any(|pair| pair == b"\xff\xfe"));
            true
        });
        assert!(
            said.contains("of a test: the decoder panics. Seed "),
            "{said}"
        );
        assert!(
            said.ends_with("FUZZ_ONLY='of a test' FUZZ_INPUT=fffe"),
            "{said}"
        );
    }

    #[test]
    fn memory_beyond_the_bound_is_found() {
        let campaign = Campaign::new("memory").corpus([vec![1, 0, 0]]);
        // The length that an input claims is believed.
        let said = message(&campaign, |bytes| {
            let claimed = bytes.first().map_or(0, |byte| usize::from(*byte));
            !Vec::<u8>::with_capacity(claimed << 12).is_empty() || claimed < 20
        });
        assert!(
            said.contains("bytes of memory for an input of 1,"),
            "{said}"
        );
    }

    #[test]
    fn a_checksum_is_passed_once_it_is_mended() {
        let sealed = |bytes: &mut Vec<u8>| {
            let sum = bytes.iter().skip(1).fold(0u8, |sum, byte| sum ^ byte);
            if let Some(first) = bytes.first_mut() {
                *first = sum;
            }
        };
        let mut valid = b"\0valid".to_vec();
        sealed(&mut valid);
        let mut behind = 0;
        Campaign::new("sealed")
            .corpus([valid.clone()])
            .mend(sealed)
            .run(|bytes| {
                let mut right = bytes.to_vec();
                sealed(&mut right);
                behind += usize::from(right == bytes && bytes != valid);
                right == bytes
            });
        assert!(behind > 500, "{behind}");
    }

    #[test]
    fn the_same_seed_gives_the_same_inputs() {
        let inputs = || {
            let mut seen = Vec::new();
            let decode = |bytes: &[u8]| {
                seen.push(bytes.to_vec());
                true
            };
            Campaign::new("twice")
                .corpus([b"{}".to_vec()])
                .memory(1 << 30, 0)
                .run(decode);
            seen
        };
        assert_eq!(inputs(), inputs());
    }

    #[test]
    fn a_corpus_that_is_refused_is_no_corpus() {
        let campaign = Campaign::new("refusing").corpus([vec![7]]);
        assert!(message(&campaign, |_| false).contains("07 refused"));
    }
}
