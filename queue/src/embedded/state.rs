//! What appenders, waiters and the committer of a log share: frames that wait, how far all is durable, and the health.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use super::{config::LogConfig, segment::SEGMENT_HEADER_BYTES, stats::Stats};
use crate::{Error, MAX_PAYLOAD_BYTES, Position, Record};

/// All of it.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: LogConfig,
    pub(crate) salt: u32,
    pub(crate) state: Mutex<State>,
    /// Tells the committer that there is something to do.
    pub(crate) work: Condvar,
    /// Tells waiters that `durable` or the health changed.
    pub(crate) settled: Condvar,
    pub(crate) stats: Stats,
}

#[derive(Debug)]
pub(crate) struct State {
    /// Frames that wait for the next commit, and the position after them.
    pub(crate) pending: Pending,
    pub(crate) next: Position,
    pub(crate) durable: Position,
    pub(crate) health: Health,
    /// Positions in `(from, to]` were taken and then lost to a failure: whoever waits for them must hear of it even
    /// after the log has recovered.
    pub(crate) lost: VecDeque<(Position, Position)>,
    /// When the oldest record of the commit under way was appended.
    pub(crate) committing: Option<Instant>,
    /// A caller wants the commit now.
    pub(crate) urgent: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Health {
    Well,
    Failed(Arc<str>),
    Closing,
}

/// Encoded frames, one chunk per segment.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) bytes: usize,
    pub(crate) records: u64,
    pub(crate) since: Option<Instant>,
}

#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) segment: u64,
    pub(crate) frames: Vec<u8>,
}

impl Shared {
    /// Of a log that begins at `start`, in this health.
    pub(crate) fn new(config: LogConfig, salt: u32, stats: Stats, start: Position, health: Health) -> Self {
        let state = State {
            pending: Pending::default(),
            next: start,
            durable: start,
            health,
            lost: VecDeque::new(),
            committing: None,
            urgent: false,
        };
        Self { config, salt, state: Mutex::new(state), work: Condvar::new(), settled: Condvar::new(), stats }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn admit(&self, state: &State, records: &[Record<'_>]) -> Result<(), Error> {
        match &state.health {
            Health::Well => {}
            Health::Failed(reason) => return Err(Error::Failed(Arc::clone(reason))),
            Health::Closing => return Err(Error::Closed),
        }
        if let Some(large) = records.iter().find(|record| record.payload.len() > MAX_PAYLOAD_BYTES) {
            return Err(Error::TooLarge(large.payload.len()));
        }
        let bytes: usize = records.iter().map(Record::frame_bytes).sum();
        if state.pending.bytes > 0 && state.pending.bytes + bytes > self.config.pending_bytes {
            return Err(Error::Busy);
        }
        if self.is_full(state) { Err(Error::Full) } else { Ok(()) }
    }

    pub(crate) fn is_full(&self, state: &State) -> bool {
        let limit = self.config.disk_bytes;
        limit > 0 && self.stats.disk_bytes.load(Relaxed) + state.pending.bytes as u64 >= limit
    }

    /// Whether so much of the disk is taken that others take it for pressure, which must not outlive its cause.
    pub(crate) fn is_filling(&self) -> bool {
        let limit = self.config.disk_bytes;
        limit > 0 && self.stats.disk_bytes.load(Relaxed) >= limit / 4
    }

    pub(crate) fn count_refused(&self, error: &Error, records: u64) {
        let refused = &self.stats.refused;
        let cell: &AtomicU64 = match error {
            Error::Busy => &refused.busy,
            Error::Full => &refused.full,
            Error::TooLarge(_) => &refused.too_large,
            _ => &refused.failed,
        };
        cell.fetch_add(records, Relaxed);
    }
}

impl State {
    /// Encodes a record into the chunk of the segment it belongs to, starting the next segment where one is full.
    pub(crate) fn push(&mut self, record: &Record<'_>, shared: &Shared) {
        if self.next.offset >= shared.config.segment_bytes {
            self.next = Position { segment: self.next.segment + 1, offset: SEGMENT_HEADER_BYTES as u64 };
        }
        let segment = self.next.segment;
        if self.pending.chunks.last().is_none_or(|chunk| chunk.segment != segment) {
            self.pending.chunks.push(Chunk { segment, frames: Vec::new() });
        }
        if let Some(chunk) = self.pending.chunks.last_mut() {
            record.encode(shared.salt, &mut chunk.frames);
        }
        self.pending.bytes += record.frame_bytes();
        self.next.offset += record.frame_bytes() as u64;
    }

    pub(crate) fn verdict(&self, position: Position) -> Option<Result<(), Error>> {
        let lost = |(from, to): &(Position, Position)| *from < position && position <= *to;
        if self.lost.iter().any(lost) {
            return Some(Err(Error::Failed("the log failed before these records were safe".into())));
        }
        if position <= self.durable {
            return Some(Ok(()));
        }
        match &self.health {
            Health::Failed(reason) => Some(Err(Error::Failed(Arc::clone(reason)))),
            Health::Well | Health::Closing => None,
        }
    }
}
