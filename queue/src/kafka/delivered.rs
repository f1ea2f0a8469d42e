//! Which of the records given to a producer the brokers have taken.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{Error, Position};

/// Tickets, one per record, and their outcomes.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    state: Mutex<State>,
    settled: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The next ticket.
    next: u64,
    /// All before are settled.
    until: u64,
    /// Those that are settled further on.
    ahead: BTreeSet<u64>,
    /// Those that the brokers did not take, and why.
    failed: BTreeMap<u64, Arc<str>>,
    /// When tickets were given, from the oldest that is not settled on: the first of each append.
    given: VecDeque<(u64, Instant)>,
    bytes: usize,
}

/// Failures are remembered for so many tickets: whoever waits has asked by then.
const REMEMBERED: u64 = 1 << 20;

impl Delivered {
    /// Tickets for records of so many bytes in all; `None` where more than `most` bytes would be on their way.
    pub(super) fn begin(&self, records: u64, bytes: usize, most: usize) -> Option<Position> {
        let mut state = self.lock();
        if state.bytes + bytes > most && state.bytes > 0 {
            return None;
        }
        let first = state.next;
        state.next += records;
        state.bytes += bytes;
        if records > 0 {
            state.given.push_back((first, Instant::now()));
        }
        Some(Position { segment: first, offset: state.next })
    }

    /// How it went with a record of so many bytes.
    pub(super) fn settle(&self, ticket: u64, bytes: usize, outcome: Result<(), Arc<str>>) {
        let mut state = self.lock();
        state.bytes = state.bytes.saturating_sub(bytes);
        let has_failed = outcome.is_err();
        if let Err(reason) = outcome {
            state.failed.insert(ticket, reason);
            let remembered = state.until.saturating_sub(REMEMBERED);
            state.failed = state.failed.split_off(&remembered);
        }
        state.ahead.insert(ticket);
        let before = state.until;
        while state.ahead.first() == Some(&state.until) {
            state.ahead.pop_first();
            state.until += 1;
        }
        let until = state.until;
        while state.given.get(1).is_some_and(|(first, _)| *first <= until) {
            state.given.pop_front();
        }
        if until == state.next {
            state.given.clear();
        }
        // Those who wait ask in order, so nothing is new for them while the oldest is on its way.
        if until != before || has_failed {
            self.settled.notify_all();
        }
    }

    /// Waits until all tickets of an append are settled.
    pub(super) fn wait(&self, position: Position) -> Result<(), Error> {
        let mut state = self.lock();
        loop {
            match state.verdict(position) {
                Some(verdict) => return verdict,
                None => state = self.settled.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    pub(super) fn verdict(&self, position: Position) -> Option<Result<(), Error>> {
        self.lock().verdict(position)
    }

    /// Everything that was given until now.
    pub(super) fn all(&self) -> Position {
        let state = self.lock();
        Position { segment: state.next, offset: state.next }
    }

    pub(super) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Age of the oldest that is not settled.
    pub(super) fn oldest(&self) -> Duration {
        self.lock().given.front().map_or(Duration::ZERO, |(_, since)| since.elapsed())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn verdict(&self, Position { segment: first, offset: end }: Position) -> Option<Result<(), Error>> {
        let failed = self.failed.range(first..end.max(first)).next();
        match failed {
            Some((_, reason)) => Some(Err(Error::Failed(reason.clone()))),
            None => (self.until >= end).then_some(Ok(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_append_is_durable_when_all_its_records_are_and_failed_when_one_is() {
        let delivered = Delivered::default();
        let [first, second] = [2, 3].map(|records| delivered.begin(records, 100, 1_000).unwrap());
        assert_eq!(delivered.bytes(), 200);
        delivered.settle(1, 50, Ok(()));
        assert!(delivered.verdict(first).is_none(), "the other is on its way");
        delivered.settle(3, 30, Err("refused".into()));
        assert!(matches!(delivered.verdict(second), Some(Err(Error::Failed(_)))));
        delivered.settle(0, 50, Ok(()));
        assert!(matches!(delivered.verdict(first), Some(Ok(()))));
        assert!(delivered.oldest() > Duration::ZERO, "two of the second are on their way");
        [2, 4].into_iter().for_each(|ticket| delivered.settle(ticket, 35, Ok(())));
        assert_eq!((delivered.bytes(), delivered.oldest()), (0, Duration::ZERO));
        assert!(delivered.wait(delivered.all()).is_ok());
    }

    #[test]
    fn more_than_may_be_on_its_way_is_turned_away_and_one_large_append_is_not() {
        let delivered = Delivered::default();
        assert!(delivered.begin(1, 2_000, 1_000).is_some());
        assert!(delivered.begin(1, 1, 1_000).is_none());
        delivered.settle(0, 2_000, Ok(()));
        assert!(delivered.begin(1, 1, 1_000).is_some());
    }
}
