//! The functions that templates may call: Go's own, those of Prometheus' rule files, and those of Alertmanager.

mod arguments;
mod fields;
mod go;
mod humanize;
mod json;
mod queries;
mod rooms;
mod texts;
mod times;

pub(super) use fields::field;
pub(super) use go::escape_html;
pub(super) use rooms::{call, is_function};
