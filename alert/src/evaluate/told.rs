//! What an evaluation is told of the world: the time, and up to where data are there.

use std::sync::Arc;

use weir_sample::Timestamp;

use super::left_out::LeftOut;

/// The time and the state of the data.
#[derive(Clone, Debug)]
pub struct Told {
    /// Now. Nothing is evaluated before its time, however complete data are.
    pub now: Timestamp,
    /// The instant up to which no more data of senders that are waited for will come, themselves in windows: 1 ms before
    /// the end of the window that is open. `None` where that is not known, as over another engine; rules then have
    /// `query_offset`.
    pub complete_to: Option<Timestamp>,
    /// The instant up to which rows that were handed out can be read from the store.
    pub applied_to: Option<Timestamp>,
    /// Hosts that are not waited for any longer and have not said goodbye.
    pub left_out: Arc<LeftOut>,
}

impl Told {
    /// A world in which all data up to now are there.
    pub fn complete_at(now: Timestamp) -> Self {
        Self { now, complete_to: None, applied_to: None, left_out: Arc::default() }
    }

    /// The last instant that may be evaluated.
    pub(crate) fn last(&self) -> Timestamp {
        self.complete_to.map_or(self.now, |complete| complete.min(self.now))
    }
}
