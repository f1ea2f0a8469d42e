//! What became of the tokens that were shown.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::error::{REASONS, TokenError};

/// Tokens accepted, and refused by reason.
#[derive(Debug, Default)]
pub(crate) struct TokenCounts {
    accepted: AtomicU64,
    refused: [AtomicU64; REASONS.len()],
}

impl TokenCounts {
    pub(crate) fn count<T>(&self, outcome: &Result<T, TokenError>) {
        let count = match outcome {
            Ok(_) => Some(&self.accepted),
            Err(error) => REASONS.iter().position(|reason| *reason == error.reason()).map(|at| &self.refused[at]),
        };
        if let Some(count) = count {
            count.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Relaxed)
    }

    pub(crate) fn refused(&self) -> impl Iterator<Item = (&'static str, u64)> {
        REASONS.into_iter().zip(self.refused.iter().map(|count| count.load(Relaxed)))
    }
}
