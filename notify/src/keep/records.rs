//! The records of the file, as JSON.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use weir_alert::event::{Event, Pairs};

/// Why a notification was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The group is told for the first time.
    FirstNotification,
    /// Alerts joined.
    NewAlertsInGroup,
    /// Alerts resolved.
    NewResolvedAlerts,
    /// Nothing fires any more.
    AllAlertsResolved,
    /// `repeat_interval` has passed.
    RepeatInterval,
}

/// A notification that is about to be sent: what is needed to make its request, again and again the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct IntentHead {
    /// The same for every try.
    pub(crate) key: String,
    pub(crate) tenant: u32,
    pub(crate) receiver: String,
    /// `webhook[0]`
    pub(crate) channel: String,
    pub(crate) group_key: String,
    pub(crate) group_labels: Pairs,
    pub(crate) common_labels: Pairs,
    #[serde(default)]
    pub(crate) mixed: BTreeSet<String>,
    pub(crate) common_annotations: Pairs,
    pub(crate) reason: Reason,
    pub(crate) created_ms: i64,
    pub(crate) firing: Vec<u64>,
    pub(crate) resolved: Vec<u64>,
    /// Alerts in the body; fewer than the two above if resolved ones are not sent.
    pub(crate) alerts: usize,
    pub(crate) is_firing: bool,
}

impl IntentHead {
    /// The head alone, of bytes that hold its alerts too.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes.split(|byte| *byte == b'\n').next().unwrap_or_default())
    }
}

/// The head, and one line for each alert.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Intent {
    pub(crate) head: IntentHead,
    pub(crate) lines: Vec<u8>,
}

impl Intent {
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec(&self.head)?;
        bytes.push(b'\n');
        bytes.extend(&self.lines);
        Ok(bytes)
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
        let (head, lines) = bytes.split_at(end);
        Ok(Self { head: serde_json::from_slice(head)?, lines: lines.get(1..).unwrap_or_default().to_vec() })
    }

    pub(crate) fn events(&self) -> impl Iterator<Item = Event> {
        let lines = self.lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.filter_map(|line| serde_json::from_slice(line).ok())
    }
}

/// What a channel was last told of a group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct LogEntry {
    pub(crate) sent_ms: i64,
    /// Sorted.
    pub(crate) firing: Vec<u64>,
    /// Sorted.
    pub(crate) resolved: Vec<u64>,
}

/// One line of the history: a notification and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sent {
    /// When that was known.
    pub at_ms: i64,
    /// The notification's key, as in `Idempotency-Key`.
    pub key: String,
    /// Whose alerts.
    pub tenant: u32,
    /// Who was told.
    pub receiver: String,
    /// By which channel.
    pub channel: String,
    /// The group's labels.
    pub group_labels: Pairs,
    /// Labels that all its alerts have.
    #[serde(default)]
    pub common_labels: Pairs,
    /// Labels in which they differ, or that some lack: what they are of nobody can say for all.
    #[serde(default)]
    pub mixed: BTreeSet<String>,
    /// Why it was made.
    pub reason: Reason,
    /// Alerts in it that fire.
    pub firing: usize,
    /// Alerts in it that do not any more.
    pub resolved: usize,
    /// Tries that it took.
    pub tries: u32,
    /// Empty if it was told; else why nobody took it.
    pub refused: String,
}

/// A notification that its channel refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Its number, by which it can be sent again.
    pub id: u64,
    /// What is known of it.
    pub sent: Sent,
}
