//! `ls --tree`: the subtree as a drawing, names instead of whole keys, and a count below it.

use std::io;

use etcd2::client::KeyNode;

use super::palette::Paint;
use super::screen::Screen;

#[derive(Default)]
struct Count {
    directories: u64,
    files: u64,
}

/// Draws what is below `named`; a directory's name ends with `/` when `slash` asks for it.
pub(crate) fn draw(screen: &mut Screen, named: &KeyNode, slash: bool) -> io::Result<()> {
    if !named.dir {
        return screen.line(&[&named.key]);
    }
    screen.painted(Paint::Directory, &named.key)?;
    screen.text("\n")?;
    let count = below(screen, named, slash)?;
    let plural = |number: u64, one: &str, many: &str| match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {many}"),
    };
    screen.text("\n")?;
    screen.line(&[
        &plural(count.directories, "directory", "directories"),
        ", ",
        &plural(count.files, "file", "files"),
    ])
}

/// Draws the children of `named` and all below them. `margin` holds the lines of the directories above that are not
/// finished yet; `open` the directories themselves, because a tree may be deeper than a small stack.
fn below(screen: &mut Screen, named: &KeyNode, slash: bool) -> io::Result<Count> {
    let mut count = Count::default();
    let mut margin = String::new();
    let mut open = vec![(named.nodes.as_slice(), 0)];
    while let Some((rest, outside)) = open.last_mut() {
        let Some((node, others)) = rest.split_first() else {
            margin.truncate(*outside);
            open.pop();
            continue;
        };
        *rest = others;
        let (branch, line) = if others.is_empty() {
            ("└── ", "    ")
        } else {
            ("├── ", "│   ")
        };
        let name = node.key.rsplit('/').next().unwrap_or(&node.key);
        screen.text(&margin)?;
        screen.text(branch)?;
        if !node.dir {
            count.files += 1;
            screen.line(&[name])?;
            continue;
        }
        count.directories += 1;
        screen.painted(Paint::Directory, name)?;
        screen.text(if slash { "/\n" } else { "\n" })?;
        open.push((node.nodes.as_slice(), margin.len()));
        margin.push_str(line);
    }
    Ok(count)
}
