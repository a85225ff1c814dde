//! What is done to an input: the accidents that decoders are known to trip over.

use crate::chance::Chance;

/// Numbers at which lengths, counts and signs turn over.
const EDGES: [u64; 14] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    1 << 24,
    0x7fff_ffff,
    0xffff_ffff,
    1 << 32,
    i64::MAX as u64,
    u64::MAX - 1,
    u64::MAX,
];

/// Changes `bytes` a few times. `words` are pieces of the format, `other` is another input to cut from.
pub(crate) fn mutate(bytes: &mut Vec<u8>, other: &[u8], words: &[Vec<u8>], chance: &mut Chance) {
    // Mostly one or two changes: more of them and nothing of the structure is left.
    let changes = 1 + chance.below(3) * chance.below(3);
    for _ in 0..changes {
        change(bytes, other, words, chance);
    }
}

fn change(bytes: &mut Vec<u8>, other: &[u8], words: &[Vec<u8>], chance: &mut Chance) {
    match chance.below(12) {
        0 | 1 => flip(bytes, chance),
        2 => overwrite(bytes, &[chance.word() as u8], chance),
        3 | 4 => number(bytes, chance),
        5 => insert(bytes, &noise(chance), chance),
        6 => {
            let range = range(bytes.len(), chance);
            bytes.drain(range);
        }
        7 => bytes.truncate(chance.below(bytes.len() + 1)),
        8 => {
            let range = range(bytes.len(), chance);
            let piece = bytes[range].to_vec();
            insert(bytes, &piece.repeat(1 + chance.below(4)), chance);
        }
        9 => {
            let piece = &other[range(other.len(), chance)];
            insert(bytes, piece, chance);
        }
        // A format without words gets more numbers.
        10 => match chance.pick(words) {
            Some(word) => insert(bytes, word, chance),
            None => number(bytes, chance),
        },
        _ => match chance.pick(words) {
            Some(word) => overwrite(bytes, word, chance),
            None => flip(bytes, chance),
        },
    }
}

fn flip(bytes: &mut [u8], chance: &mut Chance) {
    let at = chance.below(bytes.len());
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << chance.below(8);
    }
}

/// Writes a number of 1, 2, 4 or 8 bytes, in either order of bytes, at an edge or beside what is there.
fn number(bytes: &mut [u8], chance: &mut Chance) {
    let width = 1 << chance.below(4);
    let edge = chance.pick(&EDGES).copied().unwrap_or_default();
    let near = edge.wrapping_add(chance.below(5) as u64).wrapping_sub(2);
    let number = if chance.one_in(2) { edge } else { near };
    let field = number.to_le_bytes();
    let mut field = field[..width].to_vec();
    if chance.one_in(2) {
        field.reverse();
    }
    overwrite(bytes, &field, chance);
}

fn noise(chance: &mut Chance) -> Vec<u8> {
    let length = 1 + chance.below(16);
    let byte = chance.word() as u8;
    // A run of one byte as often as noise: padding, indentation and depth are runs.
    let run = chance.one_in(2);
    let draw = |_| if run { byte } else { chance.word() as u8 };
    (0..length).map(draw).collect()
}

fn insert(bytes: &mut Vec<u8>, piece: &[u8], chance: &mut Chance) {
    let at = chance.below(bytes.len() + 1);
    bytes.splice(at..at, piece.iter().copied());
}

fn overwrite(bytes: &mut [u8], piece: &[u8], chance: &mut Chance) {
    let at = chance.below(bytes.len());
    for (byte, new) in bytes.iter_mut().skip(at).zip(piece) {
        *byte = *new;
    }
}

/// A part of `length` bytes, mostly a short one.
fn range(length: usize, chance: &mut Chance) -> std::ops::Range<usize> {
    let start = chance.below(length);
    let most = if chance.one_in(4) { length } else { 16 };
    let end = start + chance.below(most + 1);
    start..end.min(length)
}
