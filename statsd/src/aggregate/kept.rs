//! The texts of events and service checks, kept for the API up to a limit; they are counted as series in any case.

use crate::line::{CheckRecord, Event, EventRecord, ServiceCheck};

/// Records since they were last drained.
#[derive(Debug)]
pub(super) struct Kept {
    max_events: usize,
    events: Vec<EventRecord>,
    checks: Vec<CheckRecord>,
}

impl Kept {
    pub(super) fn new(max_events: usize) -> Self {
        Self { max_events, events: Vec::new(), checks: Vec::new() }
    }

    /// Keeps an event if there are not too many.
    pub(super) fn keep_event(&mut self, event: &Event<'_>) -> bool {
        let keeps = self.events.len() < self.max_events;
        if keeps {
            self.events.push(event.into());
        }
        keeps
    }

    /// Keeps a service check if there are not too many.
    pub(super) fn keep_check(&mut self, check: &ServiceCheck<'_>) -> bool {
        let keeps = self.checks.len() < self.max_events;
        if keeps {
            self.checks.push(check.into());
        }
        keeps
    }

    pub(super) fn drain_events(&mut self) -> Vec<EventRecord> {
        std::mem::take(&mut self.events)
    }

    pub(super) fn drain_checks(&mut self) -> Vec<CheckRecord> {
        std::mem::take(&mut self.checks)
    }
}
