//! What templates see: Alertmanager's `Data`.

use weir_alert::event::{Event, Pairs, Status};
use weir_alert::template::{Moment, Value};
use weir_sample::Timestamp;

use crate::keep::Intent;

/// Templates see no more alerts than this; nobody reads more, and all of them as values would take gigabytes.
const MOST_ALERTS: usize = 1_000;

pub(super) fn data(intent: &Intent, external_url: &str) -> Value {
    let head = &intent.head;
    let alerts: Vec<Value> = intent.events().take(MOST_ALERTS).map(|event| alert(&event)).collect();
    Value::record(vec![
        ("Receiver", Value::text(&head.receiver)),
        ("Status", Value::text(status(head.is_firing))),
        ("Alerts", Value::List(alerts.into())),
        ("GroupLabels", pairs(&head.group_labels)),
        ("CommonLabels", pairs(&head.common_labels)),
        ("CommonAnnotations", pairs(&head.common_annotations)),
        ("ExternalURL", Value::text(external_url)),
        ("GroupKey", Value::text(&head.group_key)),
        ("TruncatedAlerts", Value::Int(head.alerts.saturating_sub(MOST_ALERTS) as i64)),
    ])
}

pub(super) fn status(is_firing: bool) -> &'static str {
    if is_firing { "firing" } else { "resolved" }
}

fn alert(event: &Event) -> Value {
    let fires = event.status == Status::Firing;
    let ends_at = if fires { Moment::zero() } else { Moment::utc(Timestamp(event.ends_at_ms)) };
    Value::record(vec![
        ("Status", Value::text(status(fires))),
        ("Labels", pairs(&event.labels)),
        ("Annotations", pairs(&event.annotations)),
        ("StartsAt", Value::Time(Moment::utc(Timestamp(event.starts_at_ms)))),
        ("EndsAt", Value::Time(ends_at)),
        ("GeneratorURL", Value::text(&event.generator_url)),
        ("Fingerprint", Value::text(format!("{:016x}", event.fingerprint()))),
    ])
}

fn pairs(pairs: &Pairs) -> Value {
    Value::pairs(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}
