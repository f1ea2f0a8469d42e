//! Events and service checks: their counts travel as series, they themselves beside them; the latest stay here to be asked for.

use std::collections::VecDeque;

use serde_json::{Value, json};
use weir_sample::{Event, EventKind};

/// The latest of both kinds.
#[derive(Default)]
pub(super) struct Events {
    events: VecDeque<Value>,
    checks: VecDeque<Value>,
}

/// Of each kind; about 100 KiB if they are as long as DogStatsD's texts usually are.
const KEPT: usize = 200;

impl Events {
    /// Keeps what a window has brought.
    pub(super) fn keep(&mut self, events: &[Event]) {
        for event in events {
            match event.kind {
                EventKind::Event { .. } => keep(&mut self.events, of_event(event)),
                EventKind::Check(_) => keep(&mut self.checks, of_check(event)),
            }
        }
    }

    /// Oldest first, as JSON.
    pub(super) fn page(&self) -> String {
        format!("{}\n", json!({ "events": self.events, "service_checks": self.checks }))
    }
}

fn keep(kept: &mut VecDeque<Value>, new: Value) {
    if kept.len() == KEPT {
        kept.pop_front();
    }
    kept.push_back(new);
}

fn of_event(event: &Event) -> Value {
    json!({
        "title": event.title,
        "text": event.text,
        "timestamp": event.at,
        "host": event.host,
        "priority": event.priority(),
        "alert_type": event.alert_type(),
        "aggregation_key": event.aggregation_key,
        "source_type": event.source,
        "tags": tags(&event.tags),
    })
}

fn of_check(check: &Event) -> Value {
    let status = if let EventKind::Check(status) = check.kind { status.name() } else { "unknown" };
    json!({
        "name": check.title,
        "status": status,
        "timestamp": check.at,
        "host": check.host,
        "message": check.text,
        "tags": tags(&check.tags),
    })
}

fn tags(tags: &[(String, String)]) -> Vec<String> {
    tags.iter().map(|(name, value)| format!("{name}:{value}")).collect()
}

#[cfg(test)]
mod tests {
    use weir_statsd::Aggregator;

    use super::*;

    #[test]
    fn the_latest_are_kept_and_told_oldest_first() {
        let (mut aggregator, mut events) = (Aggregator::new(Default::default()), Events::default());
        for at in 0..=KEPT {
            let title = format!("{at:03}");
            let line = format!("_e{{3,4}}:{title}|text|t:error|#env:prod\n_sc|db|2|m:gone");
            aggregator.receive(line.as_bytes(), |refused| panic!("{refused}"));
            events.keep(&aggregator.drain_events());
        }
        let page: Value = serde_json::from_str(&events.page()).unwrap();
        assert_eq!(page["events"].as_array().map(Vec::len), Some(KEPT));
        assert_eq!(page["events"][0]["title"], "001");
        assert_eq!(page["events"][0]["tags"][0], "env:prod");
        assert_eq!(
            (&page["service_checks"][0]["status"], &page["service_checks"][0]["message"]),
            (&json!("critical"), &json!("gone"))
        );
    }
}
