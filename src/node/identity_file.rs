//! The identity file, `FORMAT` in the data directory: which format the directory has, and whose it is.
//!
//! It is the last thing a founding writes, by rename: where it stands, store and log have stood, and one that is missing
//! later is damage, never a new node. Text, so that an operator can read it:
//!
//! ```text
//! etcd2 data directory, format 2
//! cluster cdf818194e3a8c32
//! member 8e9e05c52164694d
//! check 3a3898e1              CRC-32 of all lines before it, hexadecimal
//! ```
//!
//! Every later format keeps the first line and ends with a check line, so that a newer format is told from damage.
//! Format 1 had the first line alone and was written first; a directory with it is brought to format 2 by its next start.
//!
//! | step | process or power fails before it | after it |
//! |---|---|---|
//! | write and sync `FORMAT.new` | no identity file, or the old one | as before: the name means nothing |
//! | rename, sync the directory | as before | the new file, or after a power loss the old one: both are whole |

use std::io;
use std::path::{Path, PathBuf};

use wal::fs::{File, Fs};

/// Its name in the data directory.
pub const NAME: &str = "FORMAT";
const NEW: &str = "FORMAT.new";
const HEAD: &str = "etcd2 data directory, format ";
/// The format that this release writes, and the newest that it reads.
pub const FORMAT: u32 = 2;
/// A file of ours is far shorter; of a longer one, no more is read.
const BYTES_MAX: usize = 4096;

/// What stands in a data directory in the place of the identity file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundIdentity {
    /// Nothing: a founding that was cut short, or damage.
    Missing,
    /// Format 1, which did not say whose it is.
    First,
    /// A whole one.
    Known(wal::Identity),
    /// Something that is no identity file, and why.
    Damaged(&'static str),
    /// A newer format.
    Newer(u32),
}

/// The text of a whole file.
fn encode(identity: wal::Identity) -> String {
    let wal::Identity { cluster, member } = identity;
    let text = format!("{HEAD}{FORMAT}\ncluster {cluster:016x}\nmember {member:016x}\n");
    let check = crc32fast::hash(text.as_bytes());
    format!("{text}check {check:08x}\n")
}

fn decode(bytes: &[u8]) -> FoundIdentity {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return FoundIdentity::Damaged("it is no text");
    };
    let first = text
        .strip_prefix(HEAD)
        .and_then(|rest| rest.split_once('\n'));
    let Some((number, rest)) = first else {
        return FoundIdentity::Damaged("its first line is not ours");
    };
    if (number, rest) == ("1", "") {
        return FoundIdentity::First;
    }
    let Some((told, check)) = text
        .strip_suffix('\n')
        .and_then(|text| text.rsplit_once("\ncheck "))
    else {
        return FoundIdentity::Damaged("its last line is missing");
    };
    // With the line's end, which the split took away.
    let sum = crc32fast::hash(&bytes[..told.len() + 1]);
    if check != format!("{sum:08x}") {
        return FoundIdentity::Damaged("its check does not match its lines");
    }
    match number.parse::<u32>() {
        Ok(number) if number > FORMAT => FoundIdentity::Newer(number),
        Ok(FORMAT) => identity(rest).map_or(
            FoundIdentity::Damaged("its lines are not ours"),
            FoundIdentity::Known,
        ),
        _ => FoundIdentity::Damaged("its first line is not ours"),
    }
}

fn identity(lines: &str) -> Option<wal::Identity> {
    let mut lines = lines.lines();
    let mut number = |name: &str| {
        let digits = lines.next()?.strip_prefix(name)?;
        (digits.len() == 16).then(|| u64::from_str_radix(digits, 16).ok())?
    };
    Some(wal::Identity {
        cluster: number("cluster ")?,
        member: number("member ")?,
    })
}

/// Looks at the file of a data directory and changes nothing.
///
/// # Errors
/// What the system says, if it is anything but that there is no such file.
pub fn read<F: Fs>(fs: &F, data_dir: &Path) -> io::Result<FoundIdentity> {
    let path = path(data_dir);
    let file = match fs.open_read(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(FoundIdentity::Missing),
        Err(error) => return Err(error),
    };
    let mut bytes = vec![0; BYTES_MAX];
    let filled = file.read_full_at(0, &mut bytes)?;
    Ok(decode(&bytes[..filled]))
}

/// Puts a whole file in its place; see the steps at the module's head.
///
/// # Errors
/// What the system says: the old file, or none, is in place, or the new one that a power loss may still take back.
pub fn write<F: Fs>(fs: &F, data_dir: &Path, identity: wal::Identity) -> io::Result<()> {
    let new = data_dir.join(NEW);
    if fs.exists(&new)? {
        fs.remove(&new)?;
    }
    let file = fs.create(&new)?;
    file.write_all_at(0, encode(identity).as_bytes())?;
    file.sync_data()?;
    fs.rename(&new, &path(data_dir))?;
    fs.sync_dir(data_dir)
}

/// Where it stands.
pub fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(NAME)
}

#[cfg(test)]
mod tests {
    use wal::fs::sim::SimFs;

    use super::*;

    const ME: wal::Identity = wal::Identity {
        cluster: 0xcdf8_1819_4e3a_8c32,
        member: 0x8e9e_05c5_2164_694d,
    };

    #[test]
    fn golden_text() {
        let text = "etcd2 data directory, format 2\ncluster cdf818194e3a8c32\nmember 8e9e05c52164694d\ncheck 3a3898e1\n";
        assert_eq!(encode(ME), text);
        assert_eq!(decode(text.as_bytes()), FoundIdentity::Known(ME));
        assert_eq!(
            decode(b"etcd2 data directory, format 1\n"),
            FoundIdentity::First
        );
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_damage() {
        let bytes = encode(ME).into_bytes();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(
                matches!(decode(&flipped), FoundIdentity::Damaged(_)),
                "bit {bit}"
            );
        }
        for length in 0..bytes.len() {
            assert!(
                matches!(decode(&bytes[..length]), FoundIdentity::Damaged(_)),
                "length {length}"
            );
        }
    }

    #[test]
    fn a_newer_format_is_told_from_damage() {
        let text = format!("{HEAD}3\nsomething else\n");
        let check = crc32fast::hash(text.as_bytes());
        let newer = format!("{text}check {check:08x}\n");
        assert_eq!(decode(newer.as_bytes()), FoundIdentity::Newer(3));
        assert!(matches!(decode(text.as_bytes()), FoundIdentity::Damaged(_)));
    }

    #[test]
    fn a_power_loss_leaves_the_old_file_or_the_new_one() {
        let other = wal::Identity {
            cluster: 1,
            member: 2,
        };
        let dir = Path::new("/data");
        for seed in 0..20 {
            let disk = SimFs::new(seed);
            disk.create_dir_all(dir).expect("made");
            disk.sync_dir(Path::new("/")).expect("synced");
            write(&disk, dir, ME).expect("written");
            let begun = disk.operations();
            write(&disk, dir, other).expect("written again");
            let steps = disk.operations() - begun;
            for step in 1..=steps + 1 {
                let disk = SimFs::new(seed);
                disk.create_dir_all(dir).expect("made");
                disk.sync_dir(Path::new("/")).expect("synced");
                write(&disk, dir, ME).expect("written");
                disk.stop_at(step);
                let done = write(&disk, dir, other).is_ok();
                disk.heal();
                disk.power_loss(seed * 100 + step);
                let found = read(&disk, dir).expect("readable");
                let wanted: &[FoundIdentity] = match done {
                    true => &[FoundIdentity::Known(other)],
                    false => &[FoundIdentity::Known(ME), FoundIdentity::Known(other)],
                };
                assert!(
                    wanted.contains(&found),
                    "seed {seed} step {step}: {found:?}"
                );
            }
        }
    }
}
