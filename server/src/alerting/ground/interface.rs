//! What rules are evaluated over: where their questions go, how far data have come, and where what they record goes.

use weir_alert::evaluate::{Evaluator, Names, Outlet, Row, Told, Turn};
use weir_alert::event::Event;
use weir_sample::Timestamp;

use crate::alerting::events::EventLog;

/// The data of this process, or another system's.
pub(in crate::alerting) trait Ground: Send {
    /// The names that rules read from now on.
    fn read_names(&self, names: Names);

    /// What evaluation is told of the world. `None` while it is not known. `settles`: nothing waits to be handed over.
    fn told(&mut self, now: Timestamp, settles: bool) -> Option<Told>;

    /// Lets the evaluator take a turn.
    fn turn(&mut self, evaluator: &mut Evaluator, told: &Told, events: &EventLog) -> Turn;
}

/// Takes rows for good, or says why it cannot now.
pub(in crate::alerting) trait Rows {
    fn take(&mut self, rows: &[Row]) -> Result<(), String>;
}

/// Rows go to the ground, events to their log.
pub(in crate::alerting) struct Out<'a, R> {
    pub(in crate::alerting) rows: R,
    pub(in crate::alerting) events: &'a EventLog,
}

impl<R: Rows> Outlet for Out<'_, R> {
    fn rows(&mut self, rows: &[Row]) -> Result<(), String> {
        self.rows.take(rows)
    }

    fn events(&mut self, events: &[Event]) -> Result<(), String> {
        self.events.append(events)
    }
}
