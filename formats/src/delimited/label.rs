//! A label of a metric or of an exemplar.

use std::borrow::Cow;

use weir_sample::is_name;

use crate::protobuf::{Fields, Malformed, text};

/// Name and value.
pub(super) fn read_label(bytes: &[u8]) -> Result<(Cow<'_, str>, Cow<'_, str>), Malformed> {
    let mut label = ("", "");
    for field in Fields(bytes) {
        match field? {
            (1, field) => label.0 = text(field)?,
            (2, field) => label.1 = text(field)?,
            _ => {}
        }
    }
    if !is_name(label.0) {
        return Err(Malformed("a label's name is not legal"));
    }
    Ok((label.0.into(), label.1.into()))
}
