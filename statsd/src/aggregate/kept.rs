//! Events and service checks, kept for whoever takes them on up to a limit; they are counted as series in any case.

use weir_sample::Event;

/// Those since they were last drained.
#[derive(Debug)]
pub(super) struct Kept {
    /// Of each kind.
    max_events: usize,
    events: Vec<Event>,
    checks: usize,
}

impl Kept {
    pub(super) fn new(max_events: usize) -> Self {
        Self { max_events, events: Vec::new(), checks: 0 }
    }

    /// Keeps an event if there are not too many.
    pub(super) fn keep_event(&mut self, event: impl Into<Event>, now: u32) -> bool {
        let keeps = self.events.len() - self.checks < self.max_events;
        if keeps {
            self.push(event.into(), now);
        }
        keeps
    }

    /// Keeps a service check if there are not too many.
    pub(super) fn keep_check(&mut self, check: impl Into<Event>, now: u32) -> bool {
        let keeps = self.checks < self.max_events;
        if keeps {
            self.checks += 1;
            self.push(check.into(), now);
        }
        keeps
    }

    /// One that says no time is of the second that it was heard in.
    fn push(&mut self, mut event: Event, now: u32) {
        event.at = event.at.or((now > 0).then_some(i64::from(now)));
        self.events.push(event);
    }

    pub(super) fn drain(&mut self) -> Vec<Event> {
        self.checks = 0;
        std::mem::take(&mut self.events)
    }
}
