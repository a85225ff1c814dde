//! How long and from which seed: what the environment says of a run.

use std::env;
use std::time::Duration;

/// Cases of a campaign in the usual run: some milliseconds for most decoders.
const CASES: u64 = 2_000;
/// The usual run is the same everywhere: what it finds, everybody finds.
const SEED: u64 = 1;

/// When a campaign is over.
pub(crate) enum Length {
    Cases(u64),
    Time(Duration),
}

/// What the environment asks of every campaign.
pub(crate) struct FuzzSetting {
    pub(crate) seed: u64,
    pub(crate) length: Length,
    pub(crate) only: Option<String>,
    pub(crate) input: Option<Vec<u8>>,
    pub(crate) trace: bool,
}

impl FuzzSetting {
    pub(crate) fn of_environment() -> Self {
        let length = match number("FUZZ_SECONDS") {
            Some(seconds) => Length::Time(Duration::from_secs(seconds)),
            None => Length::Cases(number("FUZZ_CASES").unwrap_or(CASES)),
        };
        let input = env::var("FUZZ_INPUT").ok();
        Self {
            seed: number("FUZZ_SEED").unwrap_or(SEED),
            length,
            only: env::var("FUZZ_ONLY").ok(),
            input: input.map(|text| {
                from_hex(&text).unwrap_or_else(|| panic!("FUZZ_INPUT is not hexadecimal: {text}"))
            }),
            trace: env::var_os("FUZZ_TRACE").is_some(),
        }
    }
}

/// A mistyped length must not quietly become the default.
fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    let number = text.trim().parse();
    Some(number.unwrap_or_else(|_| panic!("{name} must be a decimal number, not {text:?}")))
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim().as_bytes();
    let pair = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    let even = digits.len().is_multiple_of(2);
    even.then(|| digits.chunks(2).map(pair).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_comes_back() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(from_hex(&to_hex(&bytes)), Some(bytes));
        assert_eq!(from_hex("0"), None);
        assert_eq!(from_hex("0x"), None);
    }
}
