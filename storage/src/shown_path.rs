//! The path that people know, in what RocksDB says of the one that it was given (see `engine/anchor.rs`).

use std::path::Path;

/// What the path of an open descriptor begins with.
pub(crate) const DESCRIPTORS: &str = "/proc/self/fd/";

/// A text of RocksDB with the path that people know.
pub(crate) fn shown(text: &str, path: &Path) -> String {
    let mut parts = text.split(DESCRIPTORS);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        out.push_str(&path.display().to_string());
        out.push_str(&part[digits..]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_show_the_path_that_people_know() {
        let path = Path::new("/data/store");
        let text = "IO error: /proc/self/fd/17/000012.sst and /proc/self/fd/17: gone";
        assert_eq!(
            shown(text, path),
            "IO error: /data/store/000012.sst and /data/store: gone"
        );
        assert_eq!(shown("nothing of it", path), "nothing of it");
    }
}
