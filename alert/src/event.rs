//! An event: what changed about one alert, on its way from the evaluator to whoever tells people of it.
//!
//! Events are queue records of the kind `alert`, as JSON. A field that an older program does not know is passed over, one
//! that it did not write has its default.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Labels or annotations, sorted by name.
pub type Pairs = BTreeMap<String, String>;

/// What an alert is from this event on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// To be told until it resolves. Said again at every resend.
    Firing,
    /// No longer true.
    Resolved,
}

/// One change of one alert. All times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Whose alert it is.
    #[serde(default)]
    pub tenant: u32,
    /// The alert's identity, `alertname` among them.
    pub labels: Pairs,
    /// What people read.
    #[serde(default)]
    pub annotations: Pairs,
    /// What it is now.
    pub status: Status,
    /// When it began to fire, in event time: Prometheus' `startsAt`.
    pub starts_at_ms: i64,
    /// When it resolved; of a firing alert the time after which silence of its evaluator means resolved.
    pub ends_at_ms: i64,
    /// The event time of the evaluation.
    pub evaluated_at_ms: i64,
    /// The expression's value, absent for alerts that others sent.
    #[serde(default)]
    pub value: Option<f64>,
    /// From when its result counts as there: before `starts_at_ms` by what `for` asks. 0 for alerts that others sent.
    #[serde(default)]
    pub active_at_ms: i64,
    /// Its data have stopped to come, so that nobody knows whether it still holds.
    #[serde(default)]
    pub late: bool,
    /// A link to the expression.
    #[serde(default)]
    pub generator_url: String,
    /// Grows by one with each event of one source; a repeat has the number of the first.
    #[serde(default)]
    pub seq: u64,
    /// Who evaluated: a rule group (`file;group`), or the API that an alert came by.
    #[serde(default)]
    pub source: String,
}

impl Event {
    /// The alert's fingerprint, as Prometheus makes it: FNV-1a over the sorted labels.
    pub fn fingerprint(&self) -> u64 {
        fingerprint(&self.labels)
    }
}

/// FNV-1a, 64 bits, over each name and value with a byte 255 after both, as in Prometheus' `model.LabelSet`.
pub fn fingerprint(labels: &Pairs) -> u64 {
    let parts = labels.iter().flat_map(|(name, value)| [name.as_bytes(), &[255], value.as_bytes(), &[255]]);
    parts.flatten().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_of_an_older_program_is_read() {
        let old = r#"{"labels":{"alertname":"Down"},"status":"firing","starts_at_ms":1,"ends_at_ms":2,"evaluated_at_ms":3,"later":4}"#;
        let event: Event = serde_json::from_str(old).unwrap();
        assert_eq!((event.status, event.tenant, event.seq, event.value), (Status::Firing, 0, 0, None));
        let again: Event = serde_json::from_str(&serde_json::to_string(&event).unwrap()).unwrap();
        assert_eq!(again, event);
    }

    #[test]
    fn fingerprints_are_those_of_prometheus() {
        assert_eq!(fingerprint(&Pairs::new()), 0xcbf2_9ce4_8422_2325, "of no labels at all");
        let labels =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        assert_ne!(fingerprint(&labels(&[("a", "bc")])), fingerprint(&labels(&[("ab", "c")])));
    }
}
