//! Colours: only where a person looks, unless asked for.

use std::io::IsTerminal;

use crate::definition::ColorChoice;

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    /// The name of a directory.
    Directory,
    /// The action of an event.
    Action,
    /// Something is as it should be.
    Good,
    /// Something is not.
    Bad,
}

/// Whether text is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Palette {
    colored: bool,
}

impl Palette {
    /// No colours.
    pub(crate) const PLAIN: Palette = Palette { colored: false };

    /// Follows the option, then the habits of terminals: `NO_COLOR` and `TERM=dumb` turn colours off.
    pub(crate) fn for_stream(choice: ColorChoice, stream: &impl IsTerminal) -> Palette {
        let unwanted = || {
            std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
                || std::env::var_os("TERM").is_some_and(|term| term == "dumb")
        };
        Palette {
            colored: match choice {
                ColorChoice::Always => true,
                ColorChoice::Never => false,
                ColorChoice::Auto => stream.is_terminal() && !unwanted(),
            },
        }
    }

    /// The sequences before and after a text.
    pub(super) fn codes(self, paint: Paint) -> (&'static str, &'static str) {
        let on = match paint {
            _ if !self.colored => return ("", ""),
            Paint::Directory => "\x1b[1;34m",
            Paint::Action => "\x1b[36m",
            Paint::Good => "\x1b[32m",
            Paint::Bad => "\x1b[31m",
        };
        (on, "\x1b[0m")
    }
}
