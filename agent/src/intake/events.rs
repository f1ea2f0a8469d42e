//! The events and service checks that came last: their counts travel as series, their words stay here to be asked for.

use std::collections::VecDeque;

use serde_json::{Value, json};
use weir_statsd::{Aggregator, CheckRecord, EventRecord};

/// The latest of both kinds.
#[derive(Default)]
pub(super) struct Events {
    events: VecDeque<Value>,
    checks: VecDeque<Value>,
}

/// Of each kind; about 100 KiB if they are as long as DogStatsD's texts usually are.
const KEPT: usize = 200;

impl Events {
    /// Takes over what an aggregator has gathered.
    pub(super) fn gather(&mut self, aggregator: &mut Aggregator) {
        keep(&mut self.events, aggregator.drain_events().iter().map(event));
        keep(&mut self.checks, aggregator.drain_checks().iter().map(check));
    }

    /// Oldest first, as JSON.
    pub(super) fn page(&self) -> String {
        format!("{}\n", json!({ "events": self.events, "service_checks": self.checks }))
    }
}

fn keep(kept: &mut VecDeque<Value>, new: impl Iterator<Item = Value>) {
    for record in new {
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(record);
    }
}

fn event(event: &EventRecord) -> Value {
    json!({
        "title": event.title,
        "text": event.text,
        "timestamp": event.timestamp,
        "host": event.hostname,
        "priority": event.priority,
        "alert_type": event.alert_type,
        "aggregation_key": event.aggregation_key,
        "source_type": event.source_type,
        "tags": tags(&event.tags),
    })
}

fn check(check: &CheckRecord) -> Value {
    json!({
        "name": check.name,
        "status": check.status.name(),
        "timestamp": check.timestamp,
        "host": check.hostname,
        "message": check.message,
        "tags": tags(&check.tags),
    })
}

fn tags(tags: &[(String, String)]) -> Vec<String> {
    tags.iter().map(|(name, value)| format!("{name}:{value}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_kept_and_told_oldest_first() {
        let (mut aggregator, mut events) = (Aggregator::new(Default::default()), Events::default());
        for at in 0..=KEPT {
            let title = format!("{at:03}");
            let line = format!("_e{{3,4}}:{title}|text|t:error|#env:prod\n_sc|db|2|m:gone");
            aggregator.receive(line.as_bytes(), |refused| panic!("{refused}"));
            events.gather(&mut aggregator);
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
