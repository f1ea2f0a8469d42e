//! States of alerts: an evaluation of a group is in one transaction, its outgoing events among it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use weir_query::LabelSet;

use super::alert::Alert;
use super::backend::StateFile;
use super::codec::{GroupRecord, alert_key, decode_alert, encode_alert, rule_of_key};
use super::error::StateError;
use super::file::{StateDatabase, there};
use super::history::{Entry, Happening};
use super::reader::{HISTORY, History};
use crate::event::{Event, Pairs, Status, fingerprint};

const GROUPS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("groups");
const ALERTS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("alerts");
/// Events that are not handed on yet, a few hundred to a row.
const OUTBOX: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("outbox");

/// Events or entries in a row: large enough that a row's own cost does not count, small enough to be handed on as one.
const IN_A_ROW: usize = 256;

/// One evaluation of one group, as it is written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Commit {
    /// The group: `file;name`.
    pub group: String,
    /// What is kept of the group itself; `None` takes it away.
    pub record: Option<GroupRecord>,
    /// Alerts that are new or have changed, each with its rule.
    pub puts: Vec<(u64, Alert)>,
    /// Alerts that are gone.
    pub removes: Vec<(u64, LabelSet)>,
    /// What is to be handed on.
    pub events: Vec<Said>,
    /// What is to be remembered.
    pub history: Vec<Happened>,
    /// Event time of the evaluation.
    pub at_ms: i64,
    /// Whose alerts these are.
    pub tenant: u32,
    /// Labels that each event gets beside its alert's.
    pub external_labels: Pairs,
}

/// An event to be. Its labels and texts are those of its alert, so that a hundred thousand take no memory of their own.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// The alert as it was then.
    pub alert: Alert,
    /// What is said of it.
    pub status: Status,
    /// As in [`Event`].
    pub ends_at_ms: i64,
    /// As in [`Event`].
    pub seq: u64,
    /// A link to the expression.
    pub url: Arc<str>,
}

/// An entry of the history to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Happened {
    /// What happened.
    pub what: Happening,
    /// The alert's labels; none if it is not about one.
    pub labels: LabelSet,
    /// The result's value.
    pub value: Option<f64>,
    /// Of skipped evaluations how many.
    pub count: Option<u64>,
}

impl Commit {
    fn event(&self, said: &Said) -> Event {
        let Said { alert, status, ends_at_ms, seq, url } = said;
        let mut labels = alert.label_pairs();
        for (name, value) in &self.external_labels {
            labels.entry(name.clone()).or_insert_with(|| value.clone());
        }
        Event {
            tenant: self.tenant,
            labels,
            annotations: alert.annotation_pairs(),
            status: *status,
            starts_at_ms: alert.fired_at,
            ends_at_ms: *ends_at_ms,
            evaluated_at_ms: self.at_ms,
            value: Some(alert.value).filter(|value| value.is_finite()),
            active_at_ms: alert.active_at,
            late: alert.late_since.is_some(),
            generator_url: url.to_string(),
            seq: *seq,
            source: self.group.clone(),
        }
    }

    fn entry(&self, happened: &Happened) -> Entry {
        let Happened { what, labels, value, count } = happened;
        let labels = labels.labels().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Entry { at_ms: self.at_ms, source: self.group.clone(), what: *what, labels, value: *value, count: *count }
    }
}

/// What a state file has of one group.
#[derive(Clone, Debug, Default)]
pub struct SavedGroup {
    /// The group itself.
    pub record: GroupRecord,
    /// Its alerts by rule.
    pub alerts: BTreeMap<u64, Vec<Alert>>,
}

/// The states of all alerts on disk.
#[derive(Debug)]
pub struct StateStore {
    file: StateDatabase,
    unreadable: u64,
}

impl StateStore {
    /// Opens a state file, or makes it. A damaged one is put aside under the name that comes back, and a new one begun.
    ///
    /// # Errors
    /// [`StateError`]: what a newer program wrote, or another process has open, is left as it is.
    pub fn open(file: impl Into<StateFile>) -> Result<(Self, Option<PathBuf>), StateError> {
        let (file, aside) = StateDatabase::open(file.into())?;
        Ok((Self { file, unreadable: 0 }, aside))
    }

    /// States that last as long as the process, for tests and replays.
    ///
    /// # Errors
    /// [`StateError::Failed`].
    pub fn in_memory() -> Result<Self, StateError> {
        Ok(Self { file: StateDatabase::in_memory()?, unreadable: 0 })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Rows that could not be read and were passed over.
    pub fn unreadable_rows(&self) -> u64 {
        self.unreadable
    }

    /// Everything about groups and their alerts.
    ///
    /// # Errors
    /// [`StateError::Failed`].
    pub fn groups(&mut self) -> Result<BTreeMap<String, SavedGroup>, StateError> {
        let (groups, unreadable) = self.file.run("read", read_groups)?;
        self.unreadable += unreadable;
        Ok(groups)
    }

    /// Writes evaluations: all of them or nothing, and for good once this returns.
    ///
    /// # Errors
    /// [`StateError::Failed`]; the same commits may then be tried again.
    pub fn commit(&mut self, commits: &[&Commit]) -> Result<(), StateError> {
        self.file.run("written", |database| {
            let writing = database.begin_write()?;
            for commit in commits {
                write(&writing, commit)?;
            }
            writing.commit()?;
            Ok(())
        })
    }

    /// The oldest events that are not handed on, and the number to name when they are.
    ///
    /// # Errors
    /// [`StateError::Failed`].
    pub fn outbox(&mut self) -> Result<Option<(u64, Vec<Event>)>, StateError> {
        let first = self.file.run("read", |database| {
            let reading = database.begin_read()?;
            let Some(outbox) = there(reading.open_table(OUTBOX))? else { return Ok(None) };
            let first = outbox.first()?;
            Ok(first.map(|(number, events)| (number.value(), serde_json::from_slice(events.value()).ok())))
        })?;
        match first {
            Some((number, Some(events))) => Ok(Some((number, events))),
            // A row that no program can read would hold up all others.
            Some((number, None)) => {
                self.unreadable += 1;
                self.handed_on(number)?;
                self.outbox()
            }
            None => Ok(None),
        }
    }

    /// Forgets events that are now where they cannot be lost.
    ///
    /// # Errors
    /// [`StateError::Failed`]; they will then be handed on once more.
    pub fn handed_on(&mut self, number: u64) -> Result<(), StateError> {
        self.file.run("written", |database| {
            let writing = database.begin_write()?;
            writing.open_table(OUTBOX)?.remove(number)?;
            writing.commit()?;
            Ok(())
        })
    }

    /// The history, for others to read while this is at work.
    pub fn history(&self) -> History {
        History(self.file.reader())
    }

    /// Forgets the history before `before_ms`.
    ///
    /// # Errors
    /// [`StateError::Failed`].
    pub fn forget_before(&mut self, before_ms: i64) -> Result<(), StateError> {
        self.file.run("written", |database| {
            let writing = database.begin_write()?;
            writing.open_table(HISTORY)?.retain_in(..(before_ms, 0), |_, _| false)?;
            writing.commit()?;
            Ok(())
        })
    }

    /// Moves the alerts of a rule to another group or rule, in one step.
    ///
    /// # Errors
    /// [`StateError::Failed`].
    pub fn move_alerts(&mut self, from: (&str, u64), to: (&str, u64), alerts: &[&LabelSet]) -> Result<(), StateError> {
        self.file.run("written", |database| {
            let writing = database.begin_write()?;
            {
                let mut table = writing.open_table(ALERTS)?;
                for labels in alerts {
                    let row = table.remove(alert_key(group_id(from.0), from.1, labels).as_slice())?;
                    let Some(row) = row.map(|row| row.value().to_vec()) else { continue };
                    table.insert(alert_key(group_id(to.0), to.1, labels).as_slice(), row.as_slice())?;
                }
            }
            writing.commit()?;
            Ok(())
        })
    }
}

fn write(writing: &WriteTransaction, commit: &Commit) -> Result<(), redb::Error> {
    let mut groups = writing.open_table(GROUPS)?;
    match &commit.record {
        Some(record) => groups.insert(commit.group.as_str(), record.encode().as_slice())?,
        None => groups.remove(commit.group.as_str())?,
    };
    let mut alerts = writing.open_table(ALERTS)?;
    let group = group_id(&commit.group);
    for (rule, labels) in &commit.removes {
        alerts.remove(alert_key(group, *rule, labels).as_slice())?;
    }
    for (rule, alert) in &commit.puts {
        alerts.insert(alert_key(group, *rule, &alert.labels).as_slice(), encode_alert(alert).as_slice())?;
    }
    let mut outbox = writing.open_table(OUTBOX)?;
    let next = outbox.last()?.map_or(0, |(number, _)| number.value() + 1);
    for (number, events) in (next..).zip(commit.events.chunks(IN_A_ROW)) {
        let events: Vec<Event> = events.iter().map(|said| commit.event(said)).collect();
        outbox.insert(number, json(&events).as_slice())?;
    }
    let (mut history, at) = (writing.open_table(HISTORY)?, commit.at_ms);
    for entries in commit.history.chunks(IN_A_ROW) {
        let entries: Vec<Entry> = entries.iter().map(|happened| commit.entry(happened)).collect();
        let last = history.range((at, 0)..=(at, u64::MAX))?.next_back().transpose()?;
        let number = last.map_or(0, |(key, _)| key.value().1 + 1);
        history.insert((at, number), json(&entries).as_slice())?;
    }
    Ok(())
}

fn group_id(key: &str) -> u64 {
    fingerprint(&Pairs::from([("group".to_owned(), key.to_owned())]))
}

fn json<T: serde::Serialize>(rows: &T) -> Vec<u8> {
    serde_json::to_vec(rows).expect("events and entries are JSON")
}

fn read_groups(database: &Database) -> Result<(BTreeMap<String, SavedGroup>, u64), redb::Error> {
    let reading = database.begin_read()?;
    let (mut groups, mut unreadable) = (BTreeMap::new(), 0);
    let (Some(table), Some(alerts)) = (there(reading.open_table(GROUPS))?, there(reading.open_table(ALERTS))?) else {
        return Ok((groups, 0));
    };
    for row in table.iter()? {
        let (key, record) = row?;
        let Some(record) = GroupRecord::decode(record.value()) else {
            unreadable += 1;
            continue;
        };
        let mut saved = SavedGroup { record, ..SavedGroup::default() };
        let id = group_id(key.value());
        let (low, high) = (id.to_be_bytes(), id.wrapping_add(1).to_be_bytes());
        let rows = if id == u64::MAX { alerts.range(&low[..]..)? } else { alerts.range(&low[..]..&high[..])? };
        for row in rows {
            let (key, bytes) = row?;
            match rule_of_key(key.value()).zip(decode_alert(bytes.value())) {
                Some((rule, alert)) => saved.alerts.entry(rule).or_default().push(alert),
                None => unreadable += 1,
            }
        }
        groups.insert(key.value().to_owned(), saved);
    }
    Ok((groups, unreadable))
}
