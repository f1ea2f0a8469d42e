//! The log of events, between whoever evaluates and whoever tells people.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use weir_alert::event::{Event, Status};
use weir_queue::{Lane, Log, LogConfig, MAX_PAYLOAD_BYTES, Record, RecordKind};
use weir_sample::Reading;
use weir_wire::{AgentId, Epoch};

use super::standing::Standing;
use crate::clock::now;

/// The writing end.
pub(super) struct EventLog {
    log: Log,
    standing: Arc<Standing>,
}

/// The most that events may take on disk: a million or two.
const DISK_BYTES: u64 = 1 << 30;

/// What has been read is deleted by the segment.
const SEGMENT_BYTES: u64 = 4 << 20;

/// From here on repeats are left out. If the log filled up, evaluation would have to wait for whoever reads it.
const REPEATS_UP_TO: f64 = 0.5;

/// The name of the log's one writer.
const WRITER: &str = "evaluator";

/// The folder of the log in that of alerting.
pub(super) fn folder(alerts: &Path) -> PathBuf {
    alerts.join("events")
}

impl EventLog {
    pub(super) fn open(alerts: &Path, standing: Arc<Standing>) -> Result<Self, weir_queue::Error> {
        let config = LogConfig { segment_bytes: SEGMENT_BYTES, disk_bytes: DISK_BYTES, ..LogConfig::default() };
        Ok(Self { log: Log::open(&folder(alerts), WRITER, config)?, standing })
    }

    /// The topic in place of a folder.
    #[cfg(feature = "kafka")]
    pub(super) fn connect(
        cluster: &weir_queue::kafka::ClusterConfig,
        standing: Arc<Standing>,
    ) -> Result<Self, weir_queue::Error> {
        let log = weir_queue::kafka::Log::connect_to_alerts(cluster, WRITER)?;
        Ok(Self { log: Log::Kafka(log), standing })
    }

    /// Makes events durable, in order.
    pub(super) fn append(&self, events: &[Event]) -> Result<(), String> {
        let leave_out = self.log.disk_ratio() > REPEATS_UP_TO;
        let (unsaid, said): (Vec<&Event>, Vec<&Event>) = events.iter().partition(|event| leave_out && is_repeat(event));
        self.standing.unsaid.fetch_add(unsaid.len() as u64, Relaxed);
        let payloads: Vec<(u32, Vec<u8>)> = said.iter().map(|event| (event.tenant, self.payload(event))).collect();
        let (kind, lane, agent, epoch) = (RecordKind::Alert, Lane::Critical, AgentId([0; 16]), Epoch(0));
        let record = |(tenant, payload)| Record { kind, lane, tenant, agent, epoch, seq: 0, received: now(), payload };
        let records: Vec<_> = payloads.iter().map(|(tenant, payload)| record((*tenant, payload.as_slice()))).collect();
        let durable = self.log.append(&records).and_then(|position| self.log.wait_durable(position));
        durable.map_err(|error| format!("events of alerts cannot be written: {error}"))
    }

    /// An event as JSON. One that no log would take goes without its annotations.
    fn payload(&self, event: &Event) -> Vec<u8> {
        let json = |event: &Event| serde_json::to_vec(event).unwrap_or_default();
        let payload = json(event);
        if payload.len() <= MAX_PAYLOAD_BYTES {
            return payload;
        }
        self.standing.too_large.fetch_add(1, Relaxed);
        tracing::error!(
            alert = event.labels.get("alertname").map_or("", String::as_str),
            "an event is over a megabyte: it goes without annotations"
        );
        let annotations = [("summary".to_owned(), "annotations are left out: over a megabyte".to_owned())].into();
        json(&Event { annotations, ..event.clone() })
    }

    /// What the log counts, under names of its own.
    pub(super) fn readings(&self) -> Vec<Reading> {
        let healthy = f64::from(u8::from(self.log.check().is_ok()));
        vec![
            Reading::gauge("weir_alert_log_healthy", &[], healthy, HEALTHY),
            Reading::gauge("weir_alert_log_fill_ratio", &[], self.log.disk_ratio(), FILLED),
        ]
    }
}

/// Said before by a rule of ours: it fired earlier than it was evaluated now. What others send was promised to be kept.
fn is_repeat(event: &Event) -> bool {
    event.source.contains(';') && event.status == Status::Firing && event.starts_at_ms < event.evaluated_at_ms
}

const HEALTHY: &str =
    "0 while events of alerts cannot be written: the disk is full or broken. They wait in the state file.";
const FILLED: &str = "Part of the room for events of alerts that is taken. From 0.5 on repeats are left out; at 1 evaluation waits: the \
    notifier does not read, see /readyz.";
