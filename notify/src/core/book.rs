//! All alerts that somebody may have to hear of.

use std::collections::HashMap;

use weir_alert::event::Event;
use weir_sample::Timestamp;

use crate::held::{Held, Key, is_later, is_rule_group};

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) held: Held,
    /// The groups that it is in.
    pub(super) groups: Vec<u64>,
}

#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) entries: HashMap<Key, Entry>,
    /// How far each rule group has come, as far as its events tell.
    evaluated: HashMap<Box<str>, i64>,
}

impl Book {
    pub(super) fn note_progress(&mut self, event: &Event, now: Timestamp) {
        if !is_rule_group(&event.source) {
            return;
        }
        match self.evaluated.get_mut(event.source.as_str()) {
            Some(at) if is_later(*at, event.evaluated_at_ms, now) => {}
            Some(at) => *at = event.evaluated_at_ms,
            None => drop(self.evaluated.insert(event.source.as_str().into(), event.evaluated_at_ms)),
        }
    }

    pub(super) fn fires(&self, held: &Held, now: Timestamp) -> bool {
        held.fires(now, self.evaluated.get(&held.source).copied())
    }

    pub(super) fn key_fires(&self, key: Key, now: Timestamp) -> bool {
        self.entries.get(&key).is_some_and(|entry| self.fires(&entry.held, now))
    }
}
