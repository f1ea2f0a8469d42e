//! The writing end: bounded by tenant, durable with the sink's checkpoint.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;

use weir_files::{create_folder, cut, open_or_create, remove, sync, sync_folder, write_at};
use weir_queue::Record;
use weir_sample::{Event, Timestamp};
use xxhash_rust::xxh3::xxh3_64;

use super::frame::{Head, sound_bytes};
use super::{Day, EventsConfig, day_file, day_of, numbers};

/// What became of some events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    pub kept: u64,
    pub over_rate: u64,
    pub over_size: u64,
    pub cut: u64,
}

/// Appends events to the files of their days.
pub(crate) struct EventLog {
    config: EventsConfig,
    /// Of each file, by tenant and day.
    lengths: BTreeMap<(u32, Day), u64>,
    /// Those that were written since the last sync.
    open: BTreeMap<(u32, Day), Open>,
    /// Of each tenant the latest minute, and its events.
    minutes: BTreeMap<u32, (i64, u32)>,
    /// Tenants whose folder has a name that may not be durable.
    new_names: BTreeSet<u32>,
    swept: Timestamp,
}

struct Open {
    file: File,
    /// What is to be written at the end.
    waiting: Vec<u8>,
}

const MINUTE_MS: i64 = 60_000;
/// Text beyond it is cut: what comes without an agent may be as long as a datagram of StatsD.
const TEXT_BYTES: usize = 16 << 10;
/// An event may be told for so much later than it was received; one that is further ahead is of its receipt.
const AHEAD_MS: i64 = 600_000;
/// Bytes that wait before they are written.
const MOST_WAITING: usize = 1 << 20;
const SWEEP: std::time::Duration = std::time::Duration::from_secs(600);

impl EventLog {
    /// Goes on where a checkpoint left it: what was written since is cut off.
    ///
    /// # Errors
    /// What the disk says.
    pub(crate) fn resume(config: EventsConfig, saved: Saved) -> Result<Self, weir_files::Error> {
        let Saved { lengths, minutes } = saved;
        let (open, new_names, swept) = (BTreeMap::new(), BTreeSet::new(), Timestamp::default());
        let mut log = Self { config, lengths, open, minutes, new_names, swept };
        log.delete_newer()?;
        log.cut_newer()?;
        Ok(log)
    }

    /// Deletes files that the checkpoint does not know.
    fn delete_newer(&self) -> Result<(), weir_files::Error> {
        for tenant in numbers(&self.config.folder)? {
            for day in numbers(&self.config.folder.join(tenant.to_string()))? {
                if !self.lengths.contains_key(&(tenant, day)) {
                    remove(&day_file(&self.config.folder, tenant, day))?;
                }
            }
        }
        Ok(())
    }

    /// Cuts files to the lengths that the checkpoint knows.
    fn cut_newer(&mut self) -> Result<(), weir_files::Error> {
        let latest = self.lengths.keys().map(|(_, day)| *day).max().unwrap_or_default();
        let first = latest.saturating_sub((self.config.keep.as_secs() / 86_400) as Day);
        let (mut missing, mut gone, mut shorter) = (Vec::new(), Vec::new(), Vec::new());
        for (&(tenant, day), length) in &self.lengths {
            let path = day_file(&self.config.folder, tenant, day);
            let Ok(found) = std::fs::metadata(&path).map(|found| found.len()) else {
                // One that is over may have been deleted since the checkpoint.
                if day >= first {
                    missing.push((tenant, day));
                }
                gone.push((tenant, day));
                continue;
            };
            if found > *length {
                cut(&open_or_create(&path)?, &path, *length)?;
            } else if found < *length {
                let sound = sound_bytes(&std::fs::read(&path).unwrap_or_default());
                cut(&open_or_create(&path)?, &path, sound)?;
                shorter.push(((tenant, day), sound));
            }
        }
        if !missing.is_empty() || !shorter.is_empty() {
            let (files, folder) = (missing.len() + shorter.len(), self.config.folder.display());
            tracing::warn!(%folder, files, "events of some days are not there any more: was only the store restored?");
        }
        gone.iter().for_each(|file| _ = self.lengths.remove(file));
        self.lengths.extend(shorter);
        Ok(())
    }

    /// Appends a record's events, as far as their tenant's bounds allow. One without a time is of `window_end`.
    ///
    /// # Errors
    /// What the disk says.
    pub(crate) fn append(
        &mut self,
        record: &Record<'_>,
        window_end: Timestamp,
        events: Vec<Event>,
    ) -> Result<Kept, weir_files::Error> {
        let mut kept = Kept::default();
        for (number, mut event) in (0..).zip(events) {
            if !self.is_within_rate(record) {
                kept.over_rate += 1;
                continue;
            }
            event.cut_text(TEXT_BYTES);
            let time = event.at.map_or(window_end, |at| Timestamp(at.saturating_mul(1_000)));
            let time = if time.0.saturating_sub(record.received.0) > AHEAD_MS { record.received } else { time };
            let head = Head { time, received: record.received, id: id_of(record, number) };
            match self.put(record.tenant, head, &event)? {
                true => (kept.kept, kept.cut) = (kept.kept + 1, kept.cut + u64::from(event.is_cut)),
                false => kept.over_size += 1,
            }
        }
        Ok(kept)
    }

    /// Counts by the time of receipt, so that a record that is read again after a crash finds the same room.
    fn is_within_rate(&mut self, record: &Record<'_>) -> bool {
        let minute = record.received.millis().div_euclid(MINUTE_MS);
        let (latest, count) = self.minutes.entry(record.tenant).or_insert((minute, 0));
        if minute > *latest {
            (*latest, *count) = (minute, 0);
        }
        let is_within = *count < self.config.per_minute;
        *count += u32::from(is_within);
        is_within
    }

    /// False if the day has no room for it.
    fn put(&mut self, tenant: u32, head: Head, event: &Event) -> Result<bool, weir_files::Error> {
        let mut frame = Vec::new();
        head.put(event, &mut frame);
        let key = (tenant, day_of(head.received));
        let length = self.lengths.get(&key).copied().unwrap_or_default();
        if !self.open.contains_key(&key) {
            let open = self.open_day(key)?;
            self.open.insert(key, open);
        }
        let Some(open) = self.open.get_mut(&key) else { return Ok(false) };
        if length + (open.waiting.len() + frame.len()) as u64 > self.config.day_bytes {
            return Ok(false);
        }
        open.waiting.extend(frame);
        if open.waiting.len() > MOST_WAITING {
            self.flush()?;
        }
        Ok(true)
    }

    fn open_day(&mut self, key: (u32, Day)) -> Result<Open, weir_files::Error> {
        let path = day_file(&self.config.folder, key.0, key.1);
        if !self.lengths.contains_key(&key) {
            create_folder(&self.config.folder.join(key.0.to_string()))?;
            self.new_names.insert(key.0);
        }
        let file = open_or_create(&path)?;
        self.lengths.entry(key).or_default();
        Ok(Open { file, waiting: Vec::new() })
    }

    /// Writes what waits, so that it can be read.
    ///
    /// # Errors
    /// What the disk says. The log is of no use then.
    pub(crate) fn flush(&mut self) -> Result<(), weir_files::Error> {
        for (key, open) in self.open.iter_mut().filter(|(_, open)| !open.waiting.is_empty()) {
            let length = self.lengths.entry(*key).or_default();
            write_at(&open.file, &day_file(&self.config.folder, key.0, key.1), &open.waiting, *length)?;
            *length += open.waiting.len() as u64;
            open.waiting.clear();
        }
        Ok(())
    }

    /// Makes all durable that was appended, and says what a checkpoint has to hold.
    ///
    /// # Errors
    /// What the disk says. The log is of no use then.
    pub(crate) fn sync(&mut self, out: &mut Vec<u8>) -> Result<(), weir_files::Error> {
        self.flush()?;
        for (&(tenant, day), open) in &self.open {
            sync(&open.file, &day_file(&self.config.folder, tenant, day))?;
        }
        for tenant in &self.new_names {
            sync_folder(&self.config.folder.join(tenant.to_string()))?;
        }
        if !self.new_names.is_empty() {
            sync_folder(&self.config.folder)?;
        }
        (self.open, self.new_names) = (BTreeMap::new(), BTreeSet::new());
        self.encode(out);
        Ok(())
    }

    /// Now and then, deletes the days that are over.
    ///
    /// # Errors
    /// What the disk says.
    pub(crate) fn sweep(&mut self, now: Timestamp) -> Result<(), weir_files::Error> {
        if !now.is_due(self.swept, SWEEP) {
            return Ok(());
        }
        self.swept = now;
        let first = day_of(now.minus(self.config.keep));
        let over: Vec<_> = self.lengths.keys().filter(|(_, day)| *day < first).copied().collect();
        for key in over {
            let path = day_file(&self.config.folder, key.0, key.1);
            self.open.remove(&key);
            self.lengths.remove(&key);
            if path.exists() {
                remove(&path)?;
            }
        }
        self.minutes.retain(|_, (minute, _)| *minute >= now.minus(SWEEP).millis().div_euclid(MINUTE_MS));
        Ok(())
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend((self.minutes.len() as u32).to_le_bytes());
        for (tenant, (minute, count)) in &self.minutes {
            out.extend(tenant.to_le_bytes());
            out.extend(minute.to_le_bytes());
            out.extend(count.to_le_bytes());
        }
        for ((tenant, day), length) in &self.lengths {
            out.extend(tenant.to_le_bytes());
            out.extend(day.to_le_bytes());
            out.extend(length.to_le_bytes());
        }
    }
}

/// What a checkpoint says of the log.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Saved {
    lengths: BTreeMap<(u32, Day), u64>,
    minutes: BTreeMap<u32, (i64, u32)>,
}

impl Saved {
    /// Reads what [`EventLog::sync`] said.
    pub(crate) fn decode(mut input: &[u8]) -> Option<Self> {
        let input = &mut input;
        let mut saved = Self::default();
        let word = |input: &mut &[u8]| take(input).map(u32::from_le_bytes);
        for _ in 0..word(input)? {
            let (tenant, minute, count) = (word(input)?, take(input).map(i64::from_le_bytes)?, word(input)?);
            saved.minutes.insert(tenant, (minute, count));
        }
        while !input.is_empty() {
            let key = (word(input)?, word(input)?);
            saved.lengths.insert(key, take(input).map(u64::from_le_bytes)?);
        }
        Some(saved)
    }
}

fn take<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (array, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(*array)
}

/// The same whenever the record is read.
fn id_of(record: &Record<'_>, number: u32) -> u64 {
    let mut key = Vec::with_capacity(40);
    key.extend(record.tenant.to_le_bytes());
    key.extend(record.agent.0);
    key.extend(record.epoch.0.to_le_bytes());
    key.extend(record.seq.to_le_bytes());
    key.extend(number.to_le_bytes());
    xxh3_64(&key)
}
