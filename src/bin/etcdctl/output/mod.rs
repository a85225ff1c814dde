//! What is printed: the three formats of the original (etcdctl reference 6), listings, colours.
//!
//! Scripts read these bytes, so nothing here depends on a terminal but colour, hints, and the escapes of `visible`.

mod extended;
mod json;
mod listing;
mod palette;
mod screen;
mod tree;
mod visible;

pub(crate) use listing::list;
pub(crate) use palette::{Paint, Palette};
pub(crate) use screen::{Screen, complain, one_line};
pub(crate) use tree::draw;

use etcd2::client::KeyEvent;

use crate::definition::OutputFormat;

/// Prints the node of an answer as `get`, `set` or `rm` do.
///
/// # Errors
/// When standard output cannot be written.
pub(crate) fn event(
    screen: &mut Screen,
    format: OutputFormat,
    event: &KeyEvent,
) -> std::io::Result<()> {
    match format {
        OutputFormat::Simple => simple(screen, event),
        OutputFormat::Extended => extended::block(screen, event),
        OutputFormat::Json => json::line(screen, event),
    }
}

/// The value alone. Only a plain `delete` shows what was there: a compare-and-delete and an expiry print an empty line
/// (6.1), and so does an `update` that met a directory.
fn simple(screen: &mut Screen, event: &KeyEvent) -> std::io::Result<()> {
    match (&event.prev_node, event.action.as_str()) {
        (Some(before), "delete") => {
            screen.text("PrevNode.Value: ")?;
            screen.value(&before.value)
        }
        _ => screen.value(&event.node.value),
    }
}
