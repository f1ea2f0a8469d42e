//! Attributes as they lie in a message: what an attribute's value is as a label's.

use std::borrow::Cow;
use std::fmt::Write;

use crate::base64;
use crate::protobuf::{Field, Fields, Malformed, double, message, text, whole};

/// Values in values in values: deeper is nobody's, and would cost the reader its stack.
const DEEPEST: usize = 32;

/// Key and value of an attribute; the value as text.
pub(super) fn attribute(bytes: &[u8]) -> Result<(&str, Cow<'_, str>), Malformed> {
    let (mut key, mut value) = ("", Cow::Borrowed(""));
    for field in Fields(bytes) {
        match field? {
            (1, field) => key = text(field)?,
            (2, field) => value = as_label(message(field)?)?,
            _ => {}
        }
    }
    Ok((key, value))
}

/// A value as a label has it: a string as it is, all else as JSON writes it.
fn as_label(bytes: &[u8]) -> Result<Cow<'_, str>, Malformed> {
    // The last of several is the value, as protobuf has it.
    match Fields(bytes).last().transpose()? {
        None => Ok(Cow::Borrowed("")),
        Some((1, field)) => Ok(Cow::Borrowed(text(field)?)),
        Some((7, field)) => Ok(Cow::Owned(base64::encode(message(field)?))),
        Some(_) => {
            let mut json = String::new();
            write_json(bytes, &mut json, 0)?;
            Ok(Cow::Owned(json))
        }
    }
}

fn write_json(bytes: &[u8], out: &mut String, depth: usize) -> Result<(), Malformed> {
    if depth > DEEPEST {
        return Err(Malformed("an attribute's value lies too deep"));
    }
    match Fields(bytes).last().transpose()? {
        Some((1, field)) => quoted(text(field)?, out),
        Some((2, field)) => out.push_str(if whole(field)? == 0 { "false" } else { "true" }),
        Some((3, field)) => written(out, whole(field)? as i64),
        Some((4, field)) => number(double(field)?, out),
        Some((5, field)) => {
            out.push('[');
            for value in elements(message(field)?) {
                separate(out, '[');
                write_json(value?, out, depth + 1)?;
            }
            out.push(']');
        }
        Some((6, field)) => {
            out.push('{');
            for pair in elements(message(field)?) {
                separate(out, '{');
                pair_json(pair?, out, depth)?;
            }
            out.push('}');
        }
        Some((7, field)) => quoted(&base64::encode(message(field)?), out),
        _ => out.push_str("null"),
    }
    Ok(())
}

fn pair_json(bytes: &[u8], out: &mut String, depth: usize) -> Result<(), Malformed> {
    let (mut key, mut value): (&str, &[u8]) = ("", &[]);
    for field in Fields(bytes) {
        match field? {
            (1, field) => key = text(field)?,
            (2, field) => value = message(field)?,
            _ => {}
        }
    }
    quoted(key, out);
    out.push(':');
    write_json(value, out, depth + 1)
}

fn elements(bytes: &[u8]) -> impl Iterator<Item = Result<&[u8], Malformed>> {
    Fields(bytes).filter_map(|field| match field {
        Ok((1, Field::Bytes(element))) => Some(Ok(element)),
        Ok(_) => None,
        Err(malformed) => Some(Err(malformed)),
    })
}

fn separate(out: &mut String, opened: char) {
    if !out.ends_with(opened) {
        out.push(',');
    }
}

fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => written(out, format_args!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Without an exponent as far as JavaScript writes none, which JSON took its numbers from.
fn number(number: f64, out: &mut String) {
    let size = number.abs();
    if size != 0.0 && number.is_finite() && !(1e-6..1e21).contains(&size) {
        written(out, format_args!("{number:e}"));
    } else {
        written(out, number);
    }
}

fn written(out: &mut String, what: impl std::fmt::Display) {
    write!(out, "{what}").expect("a string takes all");
}

#[cfg(test)]
mod tests {
    use super::super::json;
    use super::*;

    #[test]
    fn a_string_is_itself_and_all_else_is_json() {
        let check = |value: &str, expected: &str| {
            let bytes = json::value(value.as_bytes()).unwrap();
            assert_eq!(as_label(&bytes).unwrap(), expected);
        };
        check(r#"{"stringValue":"a \"b\""}"#, "a \"b\"");
        check(r#"{"boolValue":false}"#, "false");
        check(r#"{"intValue":"-7"}"#, "-7");
        check(r#"{"doubleValue":0.5}"#, "0.5");
        check(r#"{"doubleValue":1e21}"#, "1e21");
        check(r#"{"doubleValue":"NaN"}"#, "NaN");
        check(r#"{"bytesValue":"/-8="}"#, "/+8=");
        check(r#"{}"#, "");
        let nested = r#"{"kvlistValue":{"values":[{"key":"a\n","value":{"arrayValue":{"values":[{"intValue":1},{},{"stringValue":"b\u0001"}]}}},{"key":"c"}]}}"#;
        check(nested, r#"{"a\n":[1,null,"b\u0001"],"c":null}"#);
        check(r#"{"arrayValue":{"values":[{"arrayValue":{}},{"arrayValue":{}}]}}"#, "[[],[]]");
    }

    #[test]
    fn what_lies_too_deep_is_malformed() {
        let mut bytes = vec![2 << 3, 1];
        for _ in 0..64 {
            let inner = [&[1 << 3 | 2, bytes.len() as u8][..], &bytes].concat();
            bytes = [&[5 << 3 | 2, inner.len() as u8][..], &inner].concat();
            if bytes.len() > 120 {
                break;
            }
        }
        assert!(as_label(&bytes).is_ok());
        let deep = (0..40).fold(vec![2 << 3, 1], |inner: Vec<u8>, _| {
            let wrap = |tag: u8, inner: &[u8]| {
                [&[tag << 3 | 2, inner.len() as u8 | 0x80, (inner.len() >> 7) as u8][..], inner].concat()
            };
            wrap(5, &wrap(1, &inner))
        });
        assert_eq!(as_label(&deep), Err(Malformed("an attribute's value lies too deep")));
    }
}
