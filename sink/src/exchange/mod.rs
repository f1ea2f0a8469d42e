//! Series that several senders write, where several sinks share a topic: each sink tells what it has of a closed window to
//! the one sink that owns the metric's name, which merges what all tell and writes it once.

mod form;
mod gathered;
mod outbox;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use weir_queue::{Parts, Record};
use weir_sample::{Reading, Series, Timestamp, Window};
use weir_store::Store;
use weir_wire::Epoch;

use crate::Error;
use crate::partials::Part;
pub(crate) use gathered::{Gathered, Heard};
use outbox::Outbox;
pub(crate) use outbox::Way;

/// Both ends.
pub(crate) struct Exchange {
    parts: Parts,
    pub(crate) outbox: Outbox,
    pub(crate) gathered: Gathered,
}

/// What a checkpoint has of it.
#[derive(Default)]
pub(crate) struct SavedExchange {
    /// Of this sink's numbers; zero before the first.
    pub epoch: Epoch,
    pub ways: Vec<Way>,
    pub gathered: Gathered,
}

impl Exchange {
    /// Goes on with what a checkpoint has; windows that end by `until` are closed.
    pub(crate) fn resume(parts: Parts, saved: SavedExchange, until: Timestamp, now: Timestamp) -> Self {
        let epoch = if saved.epoch == Epoch::default() {
            Epoch::next(None, now, std::process::id() as u16)
        } else {
            saved.epoch
        };
        let senders = outbox::senders(&parts.group, parts.share, parts.partitions);
        let outbox = Outbox::resume(&parts.group, parts.share, epoch, saved.ways, parts.partitions, until);
        let gathered = saved.gathered.expecting(senders);
        Self { parts, outbox, gathered }
    }

    /// A window is closed here: its parts leave with the next checkpoint.
    pub(crate) fn put(&mut self, window: Window, parts: &HashMap<Series, Part>) {
        self.outbox.put(window, parts);
    }

    /// Takes what a sink, this one too, has told.
    pub(crate) fn take(&mut self, record: &Record<'_>) {
        self.gathered.take(record);
    }

    /// Tells what may be told, and writes the windows that are whole. Those that end by `closed` have been put.
    pub(crate) fn keep(&mut self, now: Timestamp, closed: Timestamp, store: &Store) -> Result<(), Error> {
        self.gathered.reopen(now);
        self.outbox.pass(closed);
        self.outbox.publish(&self.parts.log, now);
        self.gathered.close(now, store)
    }

    /// The end of the earliest window that is not written yet, or that may still come.
    pub(crate) fn earliest_end(&self, now: Timestamp) -> Option<Timestamp> {
        let next = self.gathered.complete(now).plus(std::time::Duration::from_millis(1));
        Some(self.gathered.partials.earliest_end().map_or(next, |end| end.min(next)))
    }

    pub(crate) fn readings(&self) -> Vec<Reading> {
        let counter = |name, value, help| Reading::counter(name, &[], value, help);
        let waiting = self.outbox.ways.iter().map(|way| way.entries.len()).sum::<usize>() as f64;
        let open = self.gathered.partials.open().len() as f64;
        vec![
            Reading::gauge("weir_sink_parts_waiting", &[], waiting, WAITING),
            Reading::gauge(
                "weir_sink_parts_open_windows",
                &[],
                open,
                "Windows that wait for the parts of other sinks.",
            ),
            counter("weir_sink_parts_retries_total", self.outbox.retries, RETRIES),
            counter("weir_sink_parts_duplicates_total", self.gathered.duplicates, "Parts that came again, left out."),
            counter("weir_sink_parts_told_before_total", self.gathered.told_before, TOLD_BEFORE),
            counter("weir_sink_parts_undecodable_total", self.gathered.undecodable, UNDECODABLE),
            counter("weir_sink_parts_late_total", self.gathered.partials.late_added, LATE),
        ]
    }
}

const WAITING: &str = "Parts of shared series that were not told to their owners yet. They leave with a checkpoint; more and more: brokers \
    do not take them.";
const RETRIES: &str = "Times that brokers did not take parts of shared series; they are told again.";
const TOLD_BEFORE: &str = "Parts left out because a sink that has lost its store, or was fenced, told the same before.";
const UNDECODABLE: &str = "Parts that cannot be read (loss): a sink of a newer version tells them.";
const LATE: &str =
    "Parts that came when their window was written: counted in the next one. A sink was away for two minutes.";
