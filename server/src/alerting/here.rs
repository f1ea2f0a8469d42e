//! The data of this process: rules ask its store, are told how far its sink has come, and write to its queue.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use weir_alert::evaluate::{Local, Names, Overlay, Row, Told};
use weir_query::{Engine, Source};
use weir_queue::Log;
use weir_sample::Timestamp;
use weir_sink::{Service, Watermarks};

use super::handed::Handed;
use super::records::Payloads;
use super::standing::Standing;
use crate::clock::now;

/// Where data come from and go to.
pub(crate) struct Here {
    /// All series of the store, as an operator sees them.
    pub(crate) source: Arc<dyn Source>,
    /// With limits of its own: queries of people must not take what rules need.
    pub(crate) engine: Engine,
    pub(crate) service: Arc<Service>,
    pub(crate) queue: Arc<Log>,
}

/// The same with what is under way.
pub(super) struct Ground {
    here: Here,
    standing: Arc<Standing>,
    overlay: Overlay,
    handed: Handed,
    left_out: BTreeSet<String>,
}

impl Ground {
    pub(super) fn new(here: Here, standing: Arc<Standing>) -> Self {
        let (overlay, handed, left_out) = Default::default();
        Self { here, standing, overlay, handed, left_out }
    }

    /// The names that rules read from now on.
    pub(super) fn read_names(&self, names: Names) {
        self.overlay.read_names(names);
    }

    /// Forgets rows that can be read from the store. Only while none wait to be handed over.
    pub(super) fn settle(&mut self) -> Timestamp {
        let applied_to = self.handed.applied_to(self.here.service.stored_until());
        self.overlay.applied(applied_to);
        applied_to
    }

    /// What evaluation is told of the world; `None` while it is not known until when data are complete, or there is no store
    /// to ask.
    pub(super) fn told(&mut self, now: Timestamp, applied_to: Timestamp) -> Option<Told> {
        let watermarks = self.here.service.watermarks();
        if watermarks.complete_to == Timestamp::default() || self.here.service.store().current().is_none() {
            return None;
        }
        self.note_left_out(&watermarks);
        let complete_to = Some(watermarks.complete_to);
        Some(Told { now, complete_to, applied_to: Some(applied_to), left_out: self.left_out.clone() })
    }

    fn note_left_out(&mut self, watermarks: &Watermarks) {
        let hosts = || watermarks.left_out.values().flatten();
        let same = hosts().count() == self.left_out.len() && hosts().all(|host| self.left_out.contains(&**host));
        if !same {
            self.left_out = hosts().map(|host| host.to_string()).collect();
        }
    }
}

/// Takes rows for good.
pub(super) struct Rows<'a> {
    queue: &'a Log,
    handed: &'a mut Handed,
    standing: &'a Standing,
}

impl Ground {
    /// Querier and taker of rows at once: a turn needs both.
    pub(super) fn parts(&mut self) -> (Local<'_>, Rows<'_>) {
        let querier = Local::new(self.here.engine.clone(), &self.here.source, &self.overlay);
        (querier, Rows { queue: &self.here.queue, handed: &mut self.handed, standing: &self.standing })
    }
}

impl Rows<'_> {
    /// Makes rows durable in the queue. Whoever is turned away there for back-pressure, these are not: what the log does not
    /// take now is brought again by the next turn.
    pub(super) fn take(&mut self, rows: &[Row]) -> Result<(), String> {
        let payloads = Payloads::of(rows);
        let records = payloads.records(now());
        // Piece by piece, so that a large evaluation fits a buffer that is meant for small ones.
        for record in records.chunks(AT_ONCE) {
            let durable = self.queue.append(record).and_then(|position| self.queue.wait_durable(position));
            durable.map_err(|error| format!("what rules record cannot be written to the queue: {error}"))?;
        }
        self.standing.left_out_rows.fetch_add(payloads.left_out, Relaxed);
        self.handed.note(rows, now());
        Ok(())
    }
}

/// Records of a quarter of a megabyte each.
const AT_ONCE: usize = 16;
