//! What the sink remembers of each agent: which batches were counted, and how its layouts map to the store.

use std::sync::Arc;

use weir_sample::Timestamp;
use weir_wire::{Epoch, Seen, SeenWindow, Totals};

use crate::plan::Plan;

/// Epochs remembered per agent. One that restarts more often than this with unsent batches in its spool is refused the
/// oldest of them, as duplicates: they could not be told from what was counted.
const MAX_EPOCHS: usize = 16;

/// Layouts kept per agent. Host metrics keep one; StatsD series that come and go make a few.
const MAX_LAYOUTS: usize = 4;

/// One agent, as seen by the sink.
pub(crate) struct Agent {
    pub tenant: u32,
    /// When its newest record was received.
    pub last_seen: Timestamp,
    /// The agent's own account in its newest batch, per epoch, oldest first.
    pub epochs: Vec<EpochSeen>,
    layouts: Vec<(u64, Arc<Plan>)>,
}

/// One run of an agent.
pub(crate) struct EpochSeen {
    pub epoch: Epoch,
    pub window: SeenWindow,
    pub totals: Totals,
}

impl Agent {
    pub(crate) fn new(tenant: u32) -> Self {
        Self { tenant, last_seen: Timestamp::default(), epochs: Vec::new(), layouts: Vec::new() }
    }

    /// Whether this batch is to be counted. `None` means it was, or might have been, counted before.
    pub(crate) fn admit(&mut self, epoch: Epoch, seq: u64) -> Option<&mut EpochSeen> {
        let at = match self.epochs.binary_search_by_key(&epoch, |seen| seen.epoch) {
            Ok(at) => at,
            Err(0) if self.epochs.len() >= MAX_EPOCHS => return None,
            Err(at) => {
                let seen = EpochSeen { epoch, window: SeenWindow::new(), totals: Totals::default() };
                self.epochs.insert(at, seen);
                let excess = self.epochs.len().saturating_sub(MAX_EPOCHS);
                self.epochs.drain(..excess);
                at - excess
            }
        };
        let seen = &mut self.epochs[at];
        (seen.window.admit(seq) == Seen::New).then_some(seen)
    }

    /// The plan of a layout seen before.
    pub(crate) fn plan(&mut self, layout_id: u64) -> Option<Arc<Plan>> {
        let at = self.layouts.iter().position(|(id, _)| *id == layout_id)?;
        self.layouts[..=at].rotate_right(1);
        Some(self.layouts[0].1.clone())
    }

    /// Remembers a layout in place of the one unused for longest, or of itself.
    pub(crate) fn remember(&mut self, layout_id: u64, plan: Arc<Plan>) {
        self.layouts.retain(|(id, _)| *id != layout_id);
        self.layouts.truncate(MAX_LAYOUTS - 1);
        self.layouts.insert(0, (layout_id, plan));
    }
}
