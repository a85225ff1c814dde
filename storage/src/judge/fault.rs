//! What is wrong, where, and what an operator can do about it.

use std::fmt;
use std::path::{Path, PathBuf};

use super::framing::Flaw;
use super::live_table::Table;
use crate::damage::Damage;
use crate::format::column::Column;

/// Something wrong with one file of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub path: PathBuf,
    /// Where in it, if that is known.
    pub offset: Option<u64>,
    /// What the MANIFEST says about it, if it is a table.
    pub table: Option<Box<Table>>,
    /// What is wrong.
    pub reason: Reason,
}

impl Fault {
    /// The same as damage of an open store.
    pub fn damage(&self) -> Damage {
        let file = self.path.file_name();
        let file = file.map(|name| name.to_string_lossy().into_owned());
        let detail = self.reason.to_string();
        let Some(table) = &self.table else {
            return Damage::of_file(file, detail);
        };
        Damage::of_table(
            file,
            &table.family,
            table.level,
            (&table.smallest, &table.largest),
            detail,
        )
    }

    /// Whether only history is hurt: the tree as it is, and writes, need none of it.
    pub fn is_history(&self) -> bool {
        let history = [Column::Versions, Column::Events].map(Column::name);
        self.table
            .as_ref()
            .is_some_and(|table| history.contains(&table.family.as_str()))
    }
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// CURRENT is not there, or does not name a MANIFEST that is.
    Current {
        /// What it says, if it is there and short.
        found: Option<String>,
        /// The MANIFEST files that can be read.
        readable: Vec<String>,
    },
    /// A record of the MANIFEST is damaged: records behind it can be read.
    Record {
        /// What is wrong with its frame.
        flaw: Flaw,
        /// Where the next valid record begins.
        next: u64,
    },
    /// A record with a valid checksum does not mean anything.
    Meaning(String),
    /// The MANIFEST ends before it says what every MANIFEST says first.
    Incomplete(&'static str),
    /// The directory holds tables that the MANIFEST cannot have lost to a kill.
    Behind {
        /// How many there are.
        tables: usize,
    },
    /// The table is not there.
    Missing,
    /// No file stands under the table's name, but something else.
    Odd(&'static str),
    /// The MANIFEST is larger than one ever is.
    Huge {
        /// What the directory says.
        found: u64,
    },
    /// The table has another size.
    Size {
        /// What the MANIFEST says.
        expected: u64,
        /// What the directory says.
        found: u64,
    },
    /// The table's footer, or a block that the footer leads to, is damaged.
    Content(&'static str),
    /// The table was written under another number.
    Number {
        /// The number it was written under.
        found: u64,
    },
    /// The table was written by another process than the one that the MANIFEST means.
    Session,
    /// The file cannot be read.
    Io(String),
}

const RESTORE: &str = "keep this directory, and put back a copy of the whole data directory that was made \
                       while the node was stopped";

impl Fault {
    /// Where and what, for who says himself what to do. What helps with this fault alone is in it.
    pub fn place(&self) -> String {
        match &self.reason {
            Reason::Current { .. } => self.to_string(),
            _ => format!("{}", FaultPlace(self)),
        }
    }
}

struct FaultPlace<'a>(&'a Fault);

impl fmt::Display for FaultPlace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault {
            path,
            offset,
            table,
            reason,
            ..
        } = self.0;
        write!(f, "{}", path.display())?;
        if let Some(offset) = offset {
            write!(f, " at offset {offset}")?;
        }
        if let Some(table) = table {
            write!(f, " ({table})")?;
        }
        write!(f, ": {reason}")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; ", FaultPlace(self))?;
        match &self.reason {
            Reason::Current { readable, .. } => advise_current(f, &self.path, readable),
            Reason::Missing | Reason::Odd(_) => write!(f, "put the file back, or {RESTORE}"),
            Reason::Io(_) => write!(f, "check the disk (permissions, kernel log), or {RESTORE}"),
            _ => write!(f, "{RESTORE}"),
        }
    }
}

impl std::error::Error for Fault {}

/// A command where there is no choice; a choice of one among several needs a human.
fn advise_current(f: &mut fmt::Formatter<'_>, path: &Path, readable: &[String]) -> fmt::Result {
    match readable {
        [] => write!(f, "no MANIFEST here can be read either: {RESTORE}"),
        [only] => write!(
            f,
            "{only} is there and can be read: printf '{only}\\n' > {}",
            quoted(&path.display().to_string())
        ),
        several => write!(
            f,
            "{} can be read: keep a copy of the directory before CURRENT is made to name one of them (the newest is the most likely), or {RESTORE}",
            several.join(" and ")
        ),
    }
}

/// The path as a word of a shell.
fn quoted(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+,:@".contains(&byte);
    if path.bytes().all(plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Current { found: None, .. } => f.write_str("the file is missing"),
            Self::Current {
                found: Some(found), ..
            } => write!(
                f,
                "\"{}\" is not the name of a MANIFEST here",
                found.escape_debug()
            ),
            Self::Record { flaw, next } => write!(
                f,
                "{flaw}, and a valid record follows at offset {next}, so this is damage and not an interrupted write"
            ),
            Self::Meaning(what) => write!(f, "a record with a valid checksum is wrong: {what}"),
            Self::Incomplete(what) => write!(f, "the file ends before {what}"),
            Self::Behind { tables } => write!(
                f,
                "{tables} tables lie here that it does not name, more than a kill leaves behind; its end is lost, or it belongs to another store"
            ),
            Self::Missing => f.write_str("the file is missing"),
            Self::Odd(what) => write!(f, "it is {what} instead of a file"),
            Self::Huge { found } => {
                write!(f, "the file has {found} bytes, more than one ever has")
            }
            Self::Size { expected, found } => {
                write!(f, "the file has {found} bytes instead of {expected}")
            }
            Self::Content(what) => f.write_str(what),
            Self::Number { found } => write!(f, "this is table {found} under another name"),
            Self::Session => {
                f.write_str("this table comes from another store, or from another copy of this one")
            }
            Self::Io(error) => write!(f, "the file cannot be read: {error}"),
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.write_str("a record's header is cut short"),
            Self::Length { length } => {
                write!(f, "a record's length of {length} bytes reaches too far")
            }
            Self::Checksum => f.write_str("a record fails its checksum"),
            Self::Zeros => f.write_str("zeros stand where a record should begin"),
        }
    }
}
