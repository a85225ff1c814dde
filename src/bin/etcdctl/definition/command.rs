//! Every command with its options and arguments, in the order in which help lists them. The one-line descriptions are
//! those that users of the original know (etcdctl reference 17); what is below them is ours.
//!
//! Two settings of an argument tell the grammar more than they tell clap: `allow_hyphen_values` marks the place where a
//! word that looks like an unknown option is a value, `trailing_var_arg` the place from which every word belongs to a
//! child program.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgMatches, FromArgMatches, Subcommand, ValueHint};
use clap_complete::Shell;

use super::{AuthCommand, MemberCommand, Read, RoleCommand, UserCommand};
use crate::value::{integer, path};

/// What to do.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub(crate) enum CtlCommand {
    /// retrieve a directory
    ///
    /// Lists what a directory holds: full paths, one a line. Names that begin with an underscore are hidden unless they, or a directory above
    /// them, are the key that is asked for.
    Ls {
        /// Directory to list
        #[arg(default_value = "/", value_name = "key", value_hint = ValueHint::Other)]
        key: OsString,
        /// Have the server sort the names
        #[arg(long)]
        sort: bool,
        /// List everything below the directory, each directory before its content
        #[arg(long, short)]
        recursive: bool,
        /// Mark directories by a slash behind the name
        #[arg(short = 'p')]
        slash: bool,
        /// Draw the directories as a tree
        #[arg(long)]
        tree: bool,
        #[command(flatten)]
        read: Read,
    },
    /// retrieve the value of a key
    Get {
        /// Key to read
        #[arg(required = true, value_name = "key", value_hint = ValueHint::Other)]
        key: OsString,
        /// Have the server sort the names of a directory
        #[arg(long)]
        sort: bool,
        #[command(flatten)]
        read: Read,
    },
    /// make a new key with a given value
    ///
    /// The key must not exist yet. Without a value on the command line, all of stdin is the value, its last newline included.
    Mk {
        /// Key to create, or with --in-order the directory to create it in
        #[arg(required = true, value_name = "key", value_hint = ValueHint::Other)]
        key: OsString,
        /// Its value
        #[arg(allow_hyphen_values = true, value_name = "value", value_hint = ValueHint::Other)]
        value: Option<OsString>,
        /// Let the server choose a name that sorts behind all earlier ones
        #[arg(long)]
        in_order: bool,
        /// Seconds until the key expires; 0 is never
        #[arg(long, value_name = "seconds", default_value = "0", value_parser = integer::signed)]
        ttl: i64,
    },
    /// make a new directory
    ///
    /// It must not exist yet; the directories above it are made as well.
    Mkdir {
        /// Directory to create
        #[arg(required = true, value_name = "key", value_hint = ValueHint::Other)]
        key: OsString,
        /// Seconds until the directory and everything in it expires; 0 is never
        #[arg(long, value_name = "seconds", default_value = "0", value_parser = integer::signed)]
        ttl: i64,
    },
    /// create a new directory or update an existing directory TTL
    ///
    /// Turns a key into a directory too. The servers refuse a directory that exists already, whatever the line above
    /// says; updatedir changes its TTL.
    Setdir {
        /// Directory to create
        #[arg(required = true, value_name = "key", value_hint = ValueHint::Other)]
        key: OsString,
        /// Seconds until the directory and everything in it expires; 0 is never
        #[arg(long, value_name = "seconds", default_value = "0", value_parser = integer::signed)]
        ttl: i64,
    },
    /// update an existing directory
    ///
    /// Changes when the directory expires; without --ttl it no longer does. On a key instead of a directory the value is lost.
    Updatedir {
        /// Directory to change
        #[arg(required = true, value_name = "key", value_hint = ValueHint::Other)]
        key: OsString,
        /// Seconds from now until the directory and everything in it expires; 0 is never
        #[arg(long, value_name = "seconds", default_value = "0", value_parser = integer::signed)]
        ttl: i64,
    },
    /// set the value of a key
    ///
    /// Creates the key, or replaces what it holds. Without a value on the command line, all of stdin is the value, its last newline included. The two conditions make
    /// it a compare-and-swap: nothing is stored when the key is not as expected.
    Set {
        /// Key to store under
        #[arg(required = true, value_name = "key", value_hint = ValueHint::Other)]
        key: OsString,
        /// Value to store
        #[arg(allow_hyphen_values = true, value_name = "value", value_hint = ValueHint::Other)]
        value: Option<OsString>,
        /// Seconds until the key expires; 0 is never
        #[arg(long, value_name = "seconds", default_value = "0", value_parser = integer::signed)]
        ttl: i64,
        /// Store only if this is the value now; an empty text is no condition
        #[arg(long, value_name = "value", default_value = "")]
        swap_with_value: OsString,
        /// Store only if the key was last changed at this index; 0 is no condition
        #[arg(long, value_name = "index", default_value = "0", value_parser = integer::unsigned)]
        swap_with_index: u64,
    },
    /// update an existing key with a given value
    ///
    /// Without a value on the command line, all of stdin is the value, its last newline included. Without --ttl the key no
    /// longer expires.
    Update {
        /// Key to change
        #[arg(required = true, value_name = "key", value_hint = ValueHint::Other)]
        key: OsString,
        /// Its new value
        #[arg(allow_hyphen_values = true, value_name = "value", value_hint = ValueHint::Other)]
        value: Option<OsString>,
        /// Seconds from now until the key expires; 0 is never
        #[arg(long, value_name = "seconds", default_value = "0", value_parser = integer::signed)]
        ttl: i64,
    },
    /// remove a key or a directory
    Rm {
        /// Key to delete
        #[arg(required = true, value_name = "key", value_hint = ValueHint::Other)]
        key: OsString,
        /// Delete an empty directory too
        #[arg(long)]
        dir: bool,
        /// Delete a directory with everything in it
        #[arg(long, short)]
        recursive: bool,
        /// Delete only if this is the value now; an empty text is no condition
        #[arg(long, value_name = "value", default_value = "")]
        with_value: OsString,
        /// Delete only if the key was last changed at this index; 0 is no condition
        #[arg(long, value_name = "index", default_value = "0", value_parser = integer::unsigned)]
        with_index: u64,
    },
    /// removes the key if it is an empty directory or a key-value pair
    Rmdir {
        /// Directory to delete
        #[arg(required = true, value_name = "key", value_hint = ValueHint::Other)]
        key: OsString,
    },
    /// watch a key for changes
    ///
    /// Ends after the first change of a value unless told otherwise. The key need not exist yet.
    Watch {
        /// Key to watch
        #[arg(required = true, value_name = "key", value_hint = ValueHint::Other)]
        key: OsString,
        /// Go on until Ctrl-C
        #[arg(long, short)]
        forever: bool,
        /// Begin with the first change after this index, also when it is past; 0 begins now
        #[arg(long, value_name = "index", default_value = "0", value_parser = integer::unsigned)]
        after_index: u64,
        /// Watch everything below the key too, and print which key changed
        #[arg(long, short)]
        recursive: bool,
        /// Go on where the watch was when a connection is lost, instead of ending
        #[arg(long)]
        reconnect: bool,
    },
    /// watch a key for changes and exec an executable
    ///
    /// The program finds the change in its environment: ETCD_WATCH_ACTION, ETCD_WATCH_KEY, ETCD_WATCH_VALUE and
    /// ETCD_WATCH_MODIFIED_INDEX. It is run without a shell, and runs may overlap.
    ExecWatch {
        /// Key to watch
        #[arg(required = true, value_name = "key", value_hint = ValueHint::Other)]
        key: OsString,
        /// Begin with the first change after this index, also when it is past; 0 begins now
        #[arg(long, value_name = "index", default_value = "0", value_parser = integer::unsigned)]
        after_index: u64,
        /// Watch everything below the key too
        #[arg(long, short)]
        recursive: bool,
        /// Go on where the watch was when a connection is lost, instead of ending
        #[arg(long)]
        reconnect: bool,
        /// Program to run, and its arguments
        #[arg(
            required = true,
            num_args = 1..,
            trailing_var_arg = true,
            value_names = ["command", "argument"],
            value_hint = ValueHint::CommandWithArguments
        )]
        command: Vec<OsString>,
    },
    /// member add, remove and list subcommands
    #[command(subcommand)]
    Member(MemberCommand),
    /// check the health of the etcd cluster
    ClusterHealth {
        /// Ask again every ten seconds until Ctrl-C
        #[arg(long, short)]
        forever: bool,
    },
    /// user add, grant and revoke subcommands
    #[command(subcommand)]
    User(UserCommand),
    /// role add, grant and revoke subcommands
    #[command(subcommand)]
    Role(RoleCommand),
    /// overall auth controls
    #[command(subcommand)]
    Auth(AuthCommand),
    /// import a snapshot to a cluster
    ///
    /// Reads the store image of a 0.4 server, a flat list of keys and values, or a saved reply to a recursive GET, and
    /// tells them apart by their content. The whole file is checked before the first key is written.
    Import {
        /// File to load
        #[arg(long, value_name = "file", value_parser = path(), required = true)]
        snap: PathBuf,
        /// Hidden directory to load too; may be repeated
        #[arg(long, value_name = "path")]
        hidden: Vec<OsString>,
        /// How many requests may be under way at a time, 1 to 1000
        #[arg(
            long,
            short,
            value_name = "number",
            default_value = "10",
            value_parser = integer::concurrency
        )]
        concurrency: usize,
    },
    /// print a script that teaches a shell to complete commands and options
    Completion {
        /// Shell to teach
        #[arg(required = true, value_name = "bash|zsh|fish", value_parser = shell())]
        shell: Shell,
    },
    /// print the manual page, or write all of them into a directory
    Man {
        /// Directory to write etcdctl.1 and a page for every command into
        #[arg(value_name = "directory", value_parser = path(), value_hint = ValueHint::DirPath)]
        directory: Option<PathBuf>,
    },
}

impl CtlCommand {
    /// The command that was found in the words of a command line.
    ///
    /// # Errors
    /// When `matches` come from another definition.
    pub(crate) fn read(matches: &ArgMatches) -> Result<CtlCommand, clap::Error> {
        Ok(match CtlCommand::from_arg_matches(matches)? {
            CtlCommand::User(user) => CtlCommand::User(user.settled()),
            other => other,
        })
    }
}

/// The shells whose scripts are tried in the tests.
fn shell() -> impl TypedValueParser<Value = Shell> {
    PossibleValuesParser::new(["bash", "zsh", "fish"]).try_map(|name| name.parse::<Shell>())
}
