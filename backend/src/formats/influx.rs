//! InfluxDB's line protocol: `name,label=value value=1 1700000000000`, in milliseconds.

use std::fmt::Write;

use super::body::Body;
use crate::request::Item;

/// Lines; what has no number there (NaN and infinities) is left out.
pub(super) fn lines(items: &[Item]) -> Body {
    let (mut out, mut key) = (String::with_capacity(items.len() * 120), String::new());
    for item in items {
        key.clear();
        escaped(&mut key, item.series.name(), &[',', ' ']);
        for (label, value) in item.series.labels() {
            key.push(',');
            escaped(&mut key, label, &[',', ' ', '=']);
            key.push('=');
            escaped(&mut key, value, &[',', ' ', '=']);
        }
        for (time, value) in item.floats().filter(|(_, value)| value.is_finite()) {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{key} value={value} {time}");
        }
    }
    Body {
        bytes: out.into_bytes(),
        headers: &[("content-type", "text/plain; charset=utf-8")],
        query: "precision=ms".into(),
    }
}

/// A line's end would end the line and has no escape: it becomes a blank. A backslash at the end would escape what follows.
fn escaped(out: &mut String, text: &str, special: &[char]) {
    for letter in text.chars() {
        let letter = if matches!(letter, '\n' | '\r') { ' ' } else { letter };
        if special.contains(&letter) {
            out.push('\\');
        }
        out.push(letter);
    }
    if text.ends_with('\\') {
        out.push('\u{FFFD}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::tests::item;

    #[test]
    fn names_and_labels_are_escaped_and_numbers_alone_are_sent() {
        let items = [
            item("a b", &[("k", "v,=\n\\")], &[(1_000, 1.5), (2_000, f64::NAN), (3_000, -0.0)]),
            item("c", &[], &[(1, 1e300)]),
        ];
        let text = String::from_utf8(lines(&items).bytes).unwrap();
        let key = "a\\ b,k=v\\,\\=\\ \\\u{FFFD}";
        let long = format!("1{}", "0".repeat(300));
        assert_eq!(text, format!("{key} value=1.5 1000\n{key} value=-0 3000\nc value={long} 1\n"));
    }
}
