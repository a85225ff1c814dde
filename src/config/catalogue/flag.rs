//! One option as the catalogue describes it; a row is written once, at compile time.

use super::super::value::{Value, ValueKind};

/// An option: all its names, what it takes and what becomes of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flag {
    /// Name on the command line, without dashes.
    pub(crate) name: &'static str,
    /// Equal names.
    pub(crate) aliases: &'static [&'static str],
    /// Names of older releases, accepted with a notice.
    pub(crate) deprecated: &'static [&'static str],
    pub(crate) environment: Environment,
    /// Whether files may set it.
    pub(crate) in_files: bool,
    /// TOML section and key where they are not the name at the top level.
    pub(crate) toml: Option<(&'static str, &'static str)>,
    /// YAML map and key where they are not the name at the top level.
    pub(crate) yaml: Option<(&'static str, &'static str)>,
    pub(crate) kind: ValueKind,
    /// Value when no source gives one, as it would be written.
    pub(crate) default: Option<&'static str>,
    /// Default in words, where it is worked out from other settings.
    pub(crate) default_note: &'static str,
    /// Value as the help text shows it, where the kind alone says too little.
    pub(crate) shown_as: Option<&'static str>,
    pub(crate) group: HelpGroup,
    pub(crate) help: &'static str,
    pub(crate) standing: Standing,
    pub(crate) era: Era,
}

/// Names of the environment variables of an option.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Environment {
    /// `ETCD_` and the flag's name in upper case, `-` as `_`.
    Derived,
    /// These, the first of them preferred.
    Named(&'static [&'static str]),
    /// None: the option makes sense on a command line only.
    None,
}

/// What becomes of an option that is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is honoured.
    Active,
    /// It is without effect here, which a notice says unless the value is one of `silent`.
    Ignored {
        why: &'static str,
        silent: &'static [&'static str],
    },
    /// It belongs to a later release: refused at start unless the value is empty or one of `neutral`.
    Later {
        sentence: &'static str,
        neutral: &'static [&'static str],
    },
    /// As `Later`, but it concerns founding a cluster only: out of force once the data directory holds a member.
    LaterFounding {
        sentence: &'static str,
        neutral: &'static [&'static str],
    },
}

/// Which vocabulary an option gives away (cluster-and-config 12, row "`-discovery` protocol").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    /// Known to both, or telling nothing.
    Neutral,
    /// 0.4 only.
    Classic,
    /// 2.x and later only.
    Modern,
}

/// Heading of the help text an option stands under, in the order of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HelpGroup {
    General,
    Cluster,
    Client,
    Peer,
    Other,
    Member,
    Clustering,
    Security,
    Logging,
    Proxy,
    Own,
    Without,
}

/// How a name on the command line refers to an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    Current,
    Deprecated,
}

/// Declares rows as statics and lists them in `ROWS`, so that a row cannot be declared and forgotten.
macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident = $row:expr;)+) => {
        $($(#[$doc])* pub(crate) static $name: Flag = $row;)+
        pub(super) static ROWS: &[&Flag] = &[$(&$name),+];
    };
}
pub(super) use rows;

impl Flag {
    /// A row with everything that most options share; the methods below state what differs.
    pub(super) const fn new(
        name: &'static str,
        kind: ValueKind,
        group: HelpGroup,
        help: &'static str,
    ) -> Flag {
        Flag {
            name,
            aliases: &[],
            deprecated: &[],
            environment: Environment::Derived,
            in_files: true,
            toml: None,
            yaml: None,
            kind,
            default: None,
            default_note: "",
            shown_as: None,
            group,
            help,
            standing: Standing::Active,
            era: Era::Neutral,
        }
    }

    /// A row of an option that is known and without effect.
    pub(super) const fn ignored(name: &'static str, kind: ValueKind, why: &'static str) -> Flag {
        let mut flag = Flag::new(name, kind, HelpGroup::Without, "");
        flag.standing = Standing::Ignored { why, silent: &[] };
        flag
    }

    pub(super) const fn silent(mut self, silent: &'static [&'static str]) -> Flag {
        if let Standing::Ignored { why, .. } = self.standing {
            self.standing = Standing::Ignored { why, silent };
        }
        self
    }

    pub(super) const fn without_effect(mut self, why: &'static str) -> Flag {
        self.standing = Standing::Ignored { why, silent: &[] };
        self
    }

    pub(super) const fn later(
        mut self,
        sentence: &'static str,
        neutral: &'static [&'static str],
    ) -> Flag {
        self.standing = Standing::Later { sentence, neutral };
        self
    }

    pub(super) const fn later_founding(
        mut self,
        sentence: &'static str,
        neutral: &'static [&'static str],
    ) -> Flag {
        self.standing = Standing::LaterFounding { sentence, neutral };
        self
    }

    pub(super) const fn aliases(mut self, names: &'static [&'static str]) -> Flag {
        self.aliases = names;
        self
    }

    pub(super) const fn deprecated(mut self, names: &'static [&'static str]) -> Flag {
        self.deprecated = names;
        self
    }

    pub(super) const fn environment(mut self, names: &'static [&'static str]) -> Flag {
        self.environment = Environment::Named(names);
        self
    }

    pub(super) const fn command_line_only(mut self) -> Flag {
        self.environment = Environment::None;
        self.in_files = false;
        self
    }

    pub(super) const fn not_in_files(mut self) -> Flag {
        self.in_files = false;
        self
    }

    pub(super) const fn toml(mut self, section: &'static str, key: &'static str) -> Flag {
        self.toml = Some((section, key));
        self
    }

    pub(super) const fn yaml(mut self, map: &'static str, key: &'static str) -> Flag {
        self.yaml = Some((map, key));
        self
    }

    pub(super) const fn default(mut self, text: &'static str) -> Flag {
        self.default = Some(text);
        self
    }

    pub(super) const fn default_note(mut self, text: &'static str) -> Flag {
        self.default_note = text;
        self
    }

    pub(super) const fn shown_as(mut self, text: &'static str) -> Flag {
        self.shown_as = Some(text);
        self
    }

    pub(super) const fn classic(mut self) -> Flag {
        self.era = Era::Classic;
        self
    }

    pub(super) const fn modern(mut self) -> Flag {
        self.era = Era::Modern;
        self
    }

    /// Every name the command line knows it by, the preferred one first.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name)
            .chain(self.aliases.iter().copied())
            .chain(self.deprecated.iter().copied())
    }

    /// Its environment variables, the preferred one first.
    pub(crate) fn environment_names(&self) -> Vec<String> {
        match self.environment {
            Environment::Derived => vec![format!(
                "ETCD_{}",
                self.name.to_ascii_uppercase().replace('-', "_")
            )],
            Environment::Named(names) => names.iter().map(|name| (*name).to_owned()).collect(),
            Environment::None => Vec::new(),
        }
    }

    /// TOML section (empty: top level) and key, words joined by `_`.
    pub(crate) fn toml_place(&self) -> (&'static str, String) {
        match self.toml {
            Some((section, key)) => (section, key.to_owned()),
            None => ("", self.name.replace('-', "_")),
        }
    }

    /// The value without any source. Every default in the catalogue parses, which a test proves.
    pub(crate) fn default_value(&self) -> Option<Value> {
        self.default.and_then(|text| self.kind.parse(text).ok())
    }
}
