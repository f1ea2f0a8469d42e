//! The agent's account of its own epoch, carried in every batch.

use crate::DecodeError;
use crate::bytes::{Input, put_varint};

/// What an agent has done with its batches since it started. All cumulative within one epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Batches sealed, this one included.
    pub sealed_batches: u64,
    /// Samples in them.
    pub sealed_samples: u64,
    /// Batches acknowledged.
    pub acked_batches: u64,
    /// Samples in them.
    pub acked_samples: u64,
    /// Sends that repeated an earlier one.
    pub resent_batches: u64,
    /// Batches that left the spool unacknowledged, because it was full. This is loss.
    pub dropped_batches: u64,
    /// Samples in them. This is loss.
    pub dropped_samples: u64,
    /// Batches waiting in the spool.
    pub spooled_batches: u64,
}

impl Totals {
    const FIELDS: usize = 8;

    fn fields(&self) -> [u64; Self::FIELDS] {
        [
            self.sealed_batches,
            self.sealed_samples,
            self.acked_batches,
            self.acked_samples,
            self.resent_batches,
            self.dropped_batches,
            self.dropped_samples,
            self.spooled_batches,
        ]
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        self.fields().iter().for_each(|&field| put_varint(out, field));
    }

    pub(crate) fn read(input: &mut Input<'_>) -> Result<Self, DecodeError> {
        let mut fields = [0; Self::FIELDS];
        for field in &mut fields {
            *field = input.varint()?;
        }
        let [sealed_batches, sealed_samples, acked_batches, acked_samples, resent_batches, dropped_batches, ..] =
            fields;
        let [.., dropped_samples, spooled_batches] = fields;
        Ok(Self {
            sealed_batches,
            sealed_samples,
            acked_batches,
            acked_samples,
            resent_batches,
            dropped_batches,
            dropped_samples,
            spooled_batches,
        })
    }

    /// The bytes that [`Totals::decode`] takes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.put(&mut bytes);
        bytes
    }

    /// Reads what [`Totals::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::read(&mut Input(bytes))
    }
}
