//! The reading end: the newest events first, a page at a time, straight from the files.

use std::fmt;
use std::io;
use std::path::Path;
use std::str::FromStr;

use weir_sample::{Event, Timestamp};
use weir_wire::read_event;

use super::frame::{Frame, frames};
use super::{DAY_MS, Day, day_file, day_of, numbers};

/// Which events are asked for, as far as their times and their tenant say.
#[derive(Clone, Debug)]
pub struct EventsWanted {
    /// Only this tenant's; `None`: all.
    pub tenant: Option<u32>,
    /// The earliest time of an event.
    pub start: Timestamp,
    /// The latest time of an event.
    pub end: Timestamp,
    /// Where the last page ended.
    pub after: Option<Cursor>,
    /// Events of a page.
    pub limit: usize,
}

/// A place among events: pages go on behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    received: Timestamp,
    tenant: u32,
    at: u64,
}

/// An event as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// No two events have one.
    pub id: u64,
    /// Whose it is.
    pub tenant: u32,
    /// When it was.
    pub time: Timestamp,
    /// When a gateway received it.
    pub received: Timestamp,
    /// What it says.
    pub event: Event,
}

/// Some events, those received last first.
#[derive(Debug, Default)]
pub struct EventPage {
    /// At most as many as were asked for.
    pub events: Vec<StoredEvent>,
    /// Where to go on, if there may be more.
    pub next: Option<Cursor>,
}

/// Bytes read for one page: a page that finds little ends there, and says where to go on.
const PAGE_BYTES: u64 = 128 << 20;

/// Time that an event may be ahead of its receipt.
const AHEAD_MS: i64 = 600_000;

/// The next page of events that `matches` takes, of those kept in this folder.
///
/// # Errors
/// What the disk says. A day that is deleted meanwhile is none.
pub fn events_of(
    folder: &Path,
    wanted: &EventsWanted,
    matches: impl Fn(&StoredEvent) -> bool,
) -> io::Result<EventPage> {
    let tenants = match wanted.tenant {
        Some(tenant) => vec![tenant],
        None => numbers(folder).map_err(io::Error::other)?,
    };
    let (mut page, mut read) = (EventPage::default(), 0);
    for (day, tenants) in days(folder, &tenants, wanted)? {
        let mut found = Vec::new();
        for tenant in tenants {
            match std::fs::read(day_file(folder, tenant, day)) {
                Ok(bytes) => {
                    read += bytes.len() as u64;
                    newest(&bytes, tenant, wanted, &matches, &mut found);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        found.sort_unstable_by_key(|(cursor, _)| std::cmp::Reverse(*cursor));
        for (cursor, event) in found {
            if page.events.len() == wanted.limit {
                return Ok(page);
            }
            page.events.push(event);
            page.next = Some(cursor);
        }
        if read > PAGE_BYTES {
            let received = Timestamp(i64::from(day) * DAY_MS);
            page.next = Some(Cursor { received, tenant: 0, at: 0 });
            return Ok(page);
        }
    }
    page.next = None;
    Ok(page)
}

/// The days that may have such events, the last first, and who has some in each.
fn days(folder: &Path, tenants: &[u32], wanted: &EventsWanted) -> io::Result<Vec<(Day, Vec<u32>)>> {
    let mut days = std::collections::BTreeMap::<Day, Vec<u32>>::new();
    let first = day_of(Timestamp(wanted.start.0.saturating_sub(AHEAD_MS)));
    let last = wanted.after.map_or(Day::MAX, |cursor| day_of(cursor.received));
    for tenant in tenants {
        for day in numbers(&folder.join(tenant.to_string())).map_err(io::Error::other)? {
            if (first..=last).contains(&day) {
                days.entry(day).or_default().push(*tenant);
            }
        }
    }
    Ok(days.into_iter().rev().collect())
}

/// Adds of a file what a page may take, and one more, which tells that there is more.
fn newest(
    bytes: &[u8],
    tenant: u32,
    wanted: &EventsWanted,
    matches: impl Fn(&StoredEvent) -> bool,
    found: &mut Vec<(Cursor, StoredEvent)>,
) {
    let place = |frame: &Frame<'_>| Cursor { received: frame.head.received, tenant, at: frame.at };
    let is_asked = |frame: &Frame<'_>| {
        (wanted.start..=wanted.end).contains(&frame.head.time) && wanted.after.is_none_or(|after| place(frame) < after)
    };
    let mut asked: Vec<Frame<'_>> = frames(bytes).filter(is_asked).collect();
    asked.sort_unstable_by_key(|frame| std::cmp::Reverse(place(frame)));
    let events = asked.iter().filter_map(|frame| {
        let event = read_event(frame.event).ok()?;
        let super::frame::Head { time, received, id } = frame.head;
        let stored = StoredEvent { id, tenant, time, received, event };
        matches(&stored).then(|| (place(frame), stored))
    });
    found.extend(events.take(wanted.limit.saturating_add(1)));
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.received.0, self.tenant, self.at)
    }
}

/// A text that is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no cursor: take what the last page says under next")]
pub struct NoCursor;

impl FromStr for Cursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let mut parts = text.splitn(3, '.');
        let mut part = || parts.next().ok_or(NoCursor);
        let received = Timestamp(part()?.parse().map_err(|_| NoCursor)?);
        let tenant = part()?.parse().map_err(|_| NoCursor)?;
        Ok(Self { received, tenant, at: part()?.parse().map_err(|_| NoCursor)? })
    }
}
