//! What a sender has counted besides its outbox.

use crate::{Entry, Epoch, Refusal};

/// The counts of one run that the outbox does not keep itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Batches that windows were closed into.
    pub sealed_batches: u64,
    /// Samples in them.
    pub sealed_samples: u64,
    /// Batches of this run that were acknowledged; what an earlier run left is not among them.
    pub acked_batches: u64,
    /// Samples in them.
    pub acked_samples: u64,
    /// Batches lost on disk, before they came to the outbox.
    pub shed_batches: u64,
    /// Samples in them.
    pub shed_samples: u64,
    /// Samples that fit no datagram.
    pub left_out: u64,
    /// Sends that could not be made.
    pub failed_sends: u64,
    /// Requests for a session that failed.
    pub failed_sessions: u64,
    refused_acks: [u64; Refusal::ALL.len()],
}

/// What a full spool gave up: its oldest batches, whether they were in memory too or on disk only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The newest batch lost; all before it are lost too.
    pub last: (Epoch, u64),
    /// Batches that were not acknowledged.
    pub batches: u64,
    /// Samples in them.
    pub samples: u64,
}

impl Ledger {
    /// What arrived as an ack and was refused, for this reason.
    pub fn refused_acks(&self, refusal: Refusal) -> u64 {
        self.refused_acks[refusal as usize]
    }

    pub(super) fn count_refused_ack(&mut self, refusal: Refusal) {
        self.refused_acks[refusal as usize] += 1;
    }

    pub(super) fn count_sealed(&mut self, entry: &Entry) {
        self.sealed_batches += 1;
        self.sealed_samples += u64::from(entry.samples);
    }

    /// Takes back what [`Ledger::count_sealed`] has counted.
    pub(super) fn uncount_sealed(&mut self, entry: &Entry) {
        self.sealed_batches = self.sealed_batches.saturating_sub(1);
        self.sealed_samples = self.sealed_samples.saturating_sub(u64::from(entry.samples));
    }

    pub(super) fn count_acked(&mut self, entry: &Entry) {
        self.acked_batches += 1;
        self.acked_samples += u64::from(entry.samples);
    }

    /// Counts what was lost on disk only: the outbox has counted what it dropped of the same. It may have dropped more than
    /// was on disk, since a batch that could not be written is in memory only.
    pub(super) fn count_shed(&mut self, lost: &Lost, dropped_batches: u64, dropped_samples: u64) {
        self.shed_batches += lost.batches.saturating_sub(dropped_batches);
        self.shed_samples += lost.samples.saturating_sub(dropped_samples);
    }
}
