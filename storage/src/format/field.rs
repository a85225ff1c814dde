//! Fields of rows that stand at a fixed place. Each row's offsets are computed from the field before.

/// Bytes of an integer.
pub(super) const WORD: usize = 8;

/// The integer at `at`, little-endian.
pub(super) fn word<const N: usize>(head: &[u8; N], at: usize) -> u64 {
    let mut bytes = [0; WORD];
    bytes.copy_from_slice(&head[at..at + WORD]);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use crate::format::{event_row, meta, node_row};

    /// The offset that the byte table of a module names for a field: it stands before the field's type.
    fn in_table(source: &str, field: &str) -> usize {
        let offset = |line: &str| {
            let words: Vec<&str> = line.strip_prefix("//!")?.split_whitespace().collect();
            let line = words.join(" ");
            let (before, _) = line.split_once(field)?;
            let (before, _type) = before.trim_end().rsplit_once(' ')?;
            before.rsplit(' ').next()?.parse().ok()
        };
        let mut offsets = source.lines().filter_map(offset);
        offsets
            .next()
            .unwrap_or_else(|| panic!("no table names {field:?}"))
    }

    #[test]
    fn the_byte_tables_name_the_offsets_that_the_code_computes() {
        let (node, event, state) = (
            include_str!("node_row.rs"),
            include_str!("event_row.rs"),
            include_str!("meta.rs"),
        );
        for (source, offsets) in [
            (node, node_row::OFFSETS.as_slice()),
            (event, event_row::OFFSETS.as_slice()),
            (state, meta::OFFSETS.as_slice()),
        ] {
            for (field, offset) in offsets {
                assert_eq!(in_table(source, field), *offset, "{field}");
            }
        }
    }
}
