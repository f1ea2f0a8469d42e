//! Events and service checks: kept for a month in a store of their own, and read there by whoever asks.
//!
//! ```text
//! FOLDER/TENANT/DAY    frames, in the order in which the sink read them; the day is that of their receipt
//! ```
//! The sink's checkpoint says how long each file was. After a crash what stands behind that is cut off, and the queue brings it
//! again: so each event is there once, as samples are.

mod frame;
mod log;
mod page;

use std::path::{Path, PathBuf};
use std::time::Duration;

use weir_sample::Timestamp;

pub(crate) use log::{EventLog, Kept, Saved};
pub use page::{Cursor, EventPage, EventsWanted, NoCursor, StoredEvent, events_of};

/// Where events are kept, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventsConfig {
    /// Their folder.
    pub folder: PathBuf,
    /// Time for which they are kept.
    pub keep: Duration,
    /// Events of one tenant in a minute, at most; 0 keeps none.
    pub per_minute: u32,
    /// Bytes of one tenant's events in a day, at most.
    pub day_bytes: u64,
}

impl EventsConfig {
    /// The usual bounds: 30 days, and of each tenant 6,000 events a minute and 16 MiB a day.
    pub fn at(folder: PathBuf) -> Self {
        Self { folder, keep: Duration::from_secs(30 * 86_400), per_minute: 6_000, day_bytes: 16 << 20 }
    }
}

/// Days since 1970, by UTC.
type Day = u32;

const DAY_MS: i64 = 86_400_000;

fn day_of(time: Timestamp) -> Day {
    Day::try_from(time.millis().div_euclid(DAY_MS)).unwrap_or_default()
}

fn day_file(folder: &Path, tenant: u32, day: Day) -> PathBuf {
    folder.join(tenant.to_string()).join(day.to_string())
}

/// Names in a folder that are numbers; none if there is no such folder.
fn numbers(folder: &Path) -> Result<Vec<u32>, weir_files::Error> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut found: Vec<u32> = weir_files::names(folder)?.iter().filter_map(|name| name.parse().ok()).collect();
    found.sort_unstable();
    Ok(found)
}
