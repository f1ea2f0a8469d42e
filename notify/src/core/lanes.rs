//! One lane for each channel of each receiver: what waits there, and when it is tried again. A lane that fails holds up no other.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use serde::Serialize;
use weir_sample::Timestamp;

/// How one channel does.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ChannelStatus {
    /// Notifications that wait or are on their way.
    pub waiting: usize,
    /// Told since the start.
    pub sent: u64,
    /// Tries that failed since the start.
    pub failed: u64,
    /// Refused for good since the start.
    pub refused: u64,
    /// Not told since the start because their alerts were kept quiet before the channel took them.
    pub withdrawn: u64,
    /// Since when the oldest of those waits, in milliseconds since 1970.
    pub waits_since_ms: Option<i64>,
    /// When it was last told something, in milliseconds since 1970.
    pub last_sent_ms: Option<i64>,
    /// Why the last try failed; empty after one that did not.
    pub last_fault: String,
}

/// Receiver and channel.
pub(super) type Name = (String, String);

#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) lane: Name,
    /// The entry of the log that it will make.
    pub(super) log_name: String,
    /// When it was made.
    made: Timestamp,
    pub(super) tries: u32,
    due: Timestamp,
}

/// Times from the making of a notification until its channel took it.
#[derive(Clone, Debug, Default)]
pub(super) struct Latencies {
    /// How many took no longer than each of [`BOUNDS_S`], and longer.
    pub(super) counts: [u64; BOUNDS_S.len() + 1],
    pub(super) sum: Duration,
}

/// Seconds.
pub(super) const BOUNDS_S: [u32; 8] = [1, 2, 5, 15, 60, 300, 3_600, 21_600];

impl Latencies {
    fn note(&mut self, took: Duration) {
        let place = BOUNDS_S.iter().position(|bound| took.as_secs_f64() <= f64::from(*bound));
        self.counts[place.unwrap_or(BOUNDS_S.len())] += 1;
        self.sum += took;
    }
}

#[derive(Debug, Default)]
struct Lane {
    due: BTreeSet<(Timestamp, u64)>,
    in_flight: usize,
    /// Failures in a row.
    failures: u32,
    paused_until: Timestamp,
    status: ChannelStatus,
    latencies: Latencies,
}

#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: BTreeMap<Name, Lane>,
    pub(super) waiting: HashMap<u64, Waiting>,
    /// Entries of the log that something waits to make.
    claimed: BTreeSet<String>,
}

/// Requests of one channel at a time; one while it fails.
const MOST_IN_FLIGHT: usize = 8;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// A channel may ask for more patience than that, but not for ever.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);

impl Lanes {
    /// The channels that there are from now on. Statistics of those that stay are kept.
    pub(super) fn set(&mut self, names: impl Iterator<Item = Name>) {
        let mut old = std::mem::take(&mut self.lanes);
        self.lanes = names.map(|name| (name.clone(), old.remove(&name).unwrap_or_default())).collect();
    }

    pub(super) fn has(&self, name: &Name) -> bool {
        self.lanes.contains_key(name)
    }

    pub(super) fn is_claimed(&self, log_name: &str) -> bool {
        self.claimed.contains(log_name)
    }

    pub(super) fn add(&mut self, id: u64, lane: Name, log_name: String, made: Timestamp, now: Timestamp) {
        self.claimed.insert(log_name.clone());
        if let Some(there) = self.lanes.get_mut(&lane) {
            there.due.insert((now, id));
            there.status.waiting += 1;
        }
        self.waiting.insert(id, Waiting { lane, log_name, made, tries: 0, due: now });
    }

    /// The clock was set back by so much: what waited for a time waits for as long as it would have.
    pub(super) fn set_back(&mut self, by: Duration) {
        for lane in self.lanes.values_mut() {
            lane.due = std::mem::take(&mut lane.due).into_iter().map(|(due, id)| (due.minus(by), id)).collect();
            lane.paused_until = lane.paused_until.minus(by);
        }
        self.waiting.values_mut().for_each(|waiting| waiting.due = waiting.due.minus(by));
    }

    /// The next that may be sent; it is in flight from now on.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<u64> {
        let free = |lane: &&mut Lane| {
            lane.paused_until <= now && lane.in_flight < if lane.failures == 0 { MOST_IN_FLIGHT } else { 1 }
        };
        let mut lanes = self.lanes.values_mut().filter(free);
        let (lane, first) = lanes.find_map(|lane| {
            let first = *lane.due.first().filter(|(due, _)| *due <= now)?;
            Some((lane, first))
        })?;
        lane.due.remove(&first);
        lane.in_flight += 1;
        if let Some(waiting) = self.waiting.get_mut(&first.1) {
            waiting.tries += 1;
        }
        Some(first.1)
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let of_lane = |lane: &Lane| lane.due.first().map(|(due, _)| (*due).max(lane.paused_until));
        self.lanes.values().filter(|lane| lane.in_flight == 0 || lane.failures == 0).filter_map(of_lane).min()
    }

    /// It was told.
    pub(super) fn told(&mut self, id: u64, now: Timestamp) -> Option<Waiting> {
        let waiting = self.forget(id)?;
        if let Some(lane) = self.lanes.get_mut(&waiting.lane) {
            (lane.failures, lane.paused_until) = (0, Timestamp(0));
            lane.status.sent += 1;
            lane.latencies.note(now.since(waiting.made));
            lane.status.last_sent_ms = Some(now.millis());
            lane.status.last_fault.clear();
        }
        Some(waiting)
    }

    /// It was refused for good; the channel works.
    pub(super) fn refused(&mut self, id: u64, why: &str) -> Option<Waiting> {
        let waiting = self.forget(id)?;
        if let Some(lane) = self.lanes.get_mut(&waiting.lane) {
            (lane.failures, lane.paused_until) = (0, Timestamp(0));
            lane.status.refused += 1;
            lane.status.last_fault = why.to_owned();
        }
        Some(waiting)
    }

    /// It is not to be told any more; of the channel that says nothing.
    pub(super) fn withdrawn(&mut self, id: u64) {
        if let Some(lane) = self.forget(id).and_then(|waiting| self.lanes.get_mut(&waiting.lane)) {
            lane.status.withdrawn += 1;
        }
    }

    /// It failed and is tried again. The lane waits too: what fails for one mostly fails for all.
    pub(super) fn failed(&mut self, id: u64, now: Timestamp, after: Option<Duration>, why: &str) {
        let Some(waiting) = self.waiting.get_mut(&id) else { return };
        let Some(lane) = self.lanes.get_mut(&waiting.lane) else { return };
        lane.in_flight = lane.in_flight.saturating_sub(1);
        lane.failures += 1;
        lane.status.failed += 1;
        lane.status.last_fault = why.to_owned();
        let asked = after.map(|after| after.min(LONGEST_ASKED));
        lane.paused_until = now.plus(asked.unwrap_or_else(|| pause(lane.failures, id)));
        // Behind the others of the lane, so that one that never works does not stop them.
        waiting.due = now.plus(asked.unwrap_or_else(|| pause(waiting.tries, id)).max(Duration::from_millis(1)));
        lane.due.insert((waiting.due, id));
    }

    pub(super) fn status(&self) -> BTreeMap<Name, ChannelStatus> {
        let mut all: BTreeMap<Name, ChannelStatus> =
            self.lanes.iter().map(|(name, lane)| (name.clone(), lane.status.clone())).collect();
        for waiting in self.waiting.values() {
            let Some(status) = all.get_mut(&waiting.lane) else { continue };
            let made = waiting.made.millis();
            status.waits_since_ms = Some(status.waits_since_ms.map_or(made, |since| since.min(made)));
        }
        all
    }

    pub(super) fn latencies(&self) -> impl Iterator<Item = (&Name, &Latencies)> {
        self.lanes.iter().map(|(name, lane)| (name, &lane.latencies))
    }

    fn forget(&mut self, id: u64) -> Option<Waiting> {
        let waiting = self.waiting.remove(&id)?;
        self.claimed.remove(&waiting.log_name);
        if let Some(lane) = self.lanes.get_mut(&waiting.lane) {
            if !lane.due.remove(&(waiting.due, id)) {
                lane.in_flight = lane.in_flight.saturating_sub(1);
            }
            lane.status.waiting = lane.status.waiting.saturating_sub(1);
        }
        Some(waiting)
    }
}

/// Doubles up to the longest, less up to a half of it, so that many do not come back at once.
fn pause(failures: u32, id: u64) -> Duration {
    let whole = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(LONGEST_PAUSE);
    let spread =
        (id.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(failures)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32;
    whole.mul_f64(0.5 + 0.5 * (spread as f64 / f64::from(u32::MAX)))
}
