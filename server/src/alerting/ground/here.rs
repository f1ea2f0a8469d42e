//! The data of this process: rules ask its store, are told how far its sink has come, and write to its queue.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use weir_alert::evaluate::{Evaluator, LeftOut, Local, Names, Overlay, Row, Told, Turn};
use weir_query::{Engine, Source};
use weir_queue::Log;
use weir_sample::Timestamp;
use weir_sink::{Service, Watermarks};

use super::handed::Handed;
use super::interface::{Ground, Out, Rows};
use super::patient::Patient;
use super::records::Payloads;
use crate::alerting::events::EventLog;
use crate::alerting::standing::Standing;
use crate::clock::now;

/// Where data come from and go to.
#[derive(Clone)]
pub(crate) struct Here {
    /// All series of the store, as an operator sees them.
    pub(crate) source: Arc<dyn Source>,
    /// With limits of its own: queries of people must not take what rules need.
    pub(crate) engine: Engine,
    pub(crate) service: Arc<Service>,
    pub(crate) queue: Arc<Log>,
}

/// The same with what is under way.
pub(in crate::alerting) struct HereGround {
    here: Here,
    standing: Arc<Standing>,
    overlay: Overlay,
    handed: Handed,
    /// As the sink named them, and as rules ask.
    named: BTreeMap<u32, Vec<Arc<str>>>,
    left_out: Arc<LeftOut>,
}

impl HereGround {
    pub(in crate::alerting) fn new(here: Here, standing: Arc<Standing>) -> Self {
        let (overlay, handed, named, left_out) = Default::default();
        Self { here, standing, overlay, handed, named, left_out }
    }

    /// Forgets rows that can be read from the store, and says up to which time all can.
    fn settle(&mut self) -> Timestamp {
        let applied_to = self.handed.applied_to(self.here.service.stored_until());
        self.overlay.applied(applied_to);
        applied_to
    }

    fn note_left_out(&mut self, watermarks: Watermarks) {
        if watermarks.left_out == self.named {
            return;
        }
        let mut left_out = LeftOut::default();
        for (tenant, hosts) in &watermarks.left_out {
            hosts.iter().for_each(|host| left_out.insert(*tenant, host));
        }
        (self.named, self.left_out) = (watermarks.left_out, Arc::new(left_out));
    }
}

impl Ground for HereGround {
    fn read_names(&self, names: Names) {
        self.overlay.read_names(names);
    }

    fn told(&mut self, now: Timestamp, settles: bool) -> Option<Told> {
        let applied_to = settles.then(|| self.settle());
        let watermarks = self.here.service.watermarks();
        // There may be no store to ask.
        if watermarks.complete_to == Timestamp::default() || self.here.service.store().current().is_none() {
            return None;
        }
        let complete_to = Some(watermarks.complete_to);
        self.note_left_out(watermarks);
        Some(Told { now, complete_to, applied_to, left_out: self.left_out.clone() })
    }

    fn turn(&mut self, evaluator: &mut Evaluator, told: &Told, events: &EventLog) -> Turn {
        let inner = Local::new(self.here.engine.clone(), &self.here.source, &self.overlay);
        let service = self.here.service.clone();
        // If the clock went back, nobody waits for it to be there again.
        let complete = move |at: Timestamp| service.complete_to() >= at || now() < at;
        let querier = Patient { inner, complete: &complete };
        let rows = Queued { queue: &self.here.queue, handed: &mut self.handed, standing: &self.standing };
        evaluator.turn(told, &querier, &mut Out { rows, events })
    }
}

struct Queued<'a> {
    queue: &'a Log,
    handed: &'a mut Handed,
    standing: &'a Standing,
}

impl Rows for Queued<'_> {
    /// Makes rows durable in the queue. Whoever is turned away there for back-pressure, these are not: what the log does not
    /// take now is brought again by the next turn.
    fn take(&mut self, rows: &[Row]) -> Result<(), String> {
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
