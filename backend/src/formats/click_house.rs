//! ClickHouse's RowBinary: name, labels, kind, milliseconds, value, as the schema in docs/backends.md has its columns.

use weir_formats::pen::varint;
use weir_sample::{Kind, STALE};
use xxhash_rust::xxh3::xxh3_128;

use super::body::Body;
use crate::request::Item;

/// Rows, with a token by which ClickHouse knows a request that it has taken before: that of its bytes.
pub(super) fn rows(items: &[Item]) -> Body {
    let (mut out, mut key) = (Vec::with_capacity(items.len() * 120), Vec::new());
    for item in items {
        key.clear();
        text(&mut key, item.series.name());
        varint(&mut key, item.series.labels().count() as u64);
        for (label, value) in item.series.labels() {
            text(&mut key, label);
            text(&mut key, value);
        }
        text(&mut key, if item.kind == Kind::Counter { "counter" } else { "gauge" });
        // A staleness marker is no number of anything.
        for (time, value) in item.floats().filter(|(_, value)| value.to_bits() != STALE.to_bits()) {
            out.extend_from_slice(&key);
            out.extend_from_slice(&time.to_le_bytes());
            out.extend_from_slice(&value.to_le_bytes());
        }
    }
    let query = format!("insert_deduplication_token={:032x}", xxh3_128(&out));
    Body { bytes: out, headers: &[("content-type", "application/octet-stream")], query }
}

fn text(out: &mut Vec<u8>, text: &str) {
    varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::tests::item;

    #[test]
    fn the_same_rows_have_the_same_token_and_others_another() {
        let items = |value| [item("a", &[("k", "v")], &[(1_000, value)])];
        let [one, again, other] = [1.0, 1.0, 2.0].map(|value| rows(&items(value)));
        assert_eq!(one, again);
        assert_ne!(one.query, other.query);
        assert!(rows(&items(STALE)).bytes.is_empty(), "the end of a series is no row");
        let expected =
            [b"\x01a\x01\x01k\x01v\x05gauge".as_slice(), &1_000_i64.to_le_bytes(), &1f64.to_le_bytes()].concat();
        assert_eq!(one.bytes, expected);
    }
}
