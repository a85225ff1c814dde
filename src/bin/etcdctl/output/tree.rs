//! `ls --tree`: the subtree as a drawing, names instead of whole keys, and a count below it.

use std::io;

use etcd2::client::Node;

use super::palette::Paint;
use super::screen::Screen;

#[derive(Default)]
struct Count {
    directories: u64,
    files: u64,
}

/// Draws what is below `named`; a directory's name ends with `/` when `slash` asks for it.
pub(crate) fn draw(screen: &mut Screen, named: &Node, slash: bool) -> io::Result<()> {
    if !named.dir {
        return screen.line(&[&named.key]);
    }
    screen.painted(Paint::Directory, &named.key)?;
    screen.text("\n")?;
    let mut count = Count::default();
    children(screen, named, slash, &mut String::new(), &mut count)?;
    let plural = |number: u64, one: &str, many: &str| match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {many}"),
    };
    screen.line(&[
        "\n",
        &plural(count.directories, "directory", "directories"),
        ", ",
        &plural(count.files, "file", "files"),
    ])
}

/// `margin` holds the lines of the directories above that are not finished yet.
fn children(
    screen: &mut Screen,
    parent: &Node,
    slash: bool,
    margin: &mut String,
    count: &mut Count,
) -> io::Result<()> {
    let last = parent.nodes.len().saturating_sub(1);
    for (number, node) in parent.nodes.iter().enumerate() {
        let (branch, below) = if number == last {
            ("└── ", "    ")
        } else {
            ("├── ", "│   ")
        };
        let name = node.key.rsplit('/').next().unwrap_or(&node.key);
        screen.text(margin)?;
        screen.text(branch)?;
        if !node.dir {
            count.files += 1;
            screen.line(&[name])?;
            continue;
        }
        count.directories += 1;
        screen.painted(Paint::Directory, name)?;
        screen.text(if slash { "/\n" } else { "\n" })?;
        let length = margin.len();
        margin.push_str(below);
        children(screen, node, slash, margin, count)?;
        margin.truncate(length);
    }
    Ok(())
}
