//! Alerts as they are held in memory: 100,000 of them have to fit.

mod alert;
mod packed;

pub(crate) use alert::{Held, Key, is_later, is_rule_group};
pub(crate) use packed::Packed;
