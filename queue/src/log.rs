//! The writing end of one log.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use weir_sample::Reading;

use crate::{
    Error, MAX_PAYLOAD_BYTES, Position, Record, commit::Committer, error::check_name, segment::SEGMENT_HEADER_BYTES,
    stats::Stats,
};

/// Bounds of a log.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// A segment is closed when it has grown past this size.
    pub segment_bytes: u64,
    /// The longest a record waits for others to share its `fdatasync`. Zero commits at once.
    pub commit_delay: Duration,
    /// A commit starts early when this much waits.
    pub commit_bytes: usize,
    /// The most that may wait in memory; beyond it appends are refused as busy.
    pub pending_bytes: usize,
    /// The most the log may take on disk; beyond it appends are refused as full. Zero means no limit but the disk's.
    pub disk_bytes: u64,
    /// How long after a failure the log tries again.
    pub retry: Duration,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            commit_delay: Duration::from_millis(5),
            commit_bytes: 1 << 20,
            pending_bytes: 32 << 20,
            disk_bytes: 0,
            retry: Duration::from_secs(1),
        }
    }
}

/// One writer's log. Appending is cheap and may be done from several threads; a thread of its own commits.
#[derive(Debug)]
pub struct Log {
    shared: Arc<Shared>,
    committer: Option<JoinHandle<()>>,
    folder: PathBuf,
}

/// What appenders, waiters and the committer share.
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

impl Log {
    /// Opens the log of `writer` under `root`, creating it if need be. A crashed predecessor's torn tail is cut, and
    /// a new segment is started.
    ///
    /// # Errors
    /// [`Error::InUse`] if another process has it open, [`Error::Name`] for a name that cannot be a folder's, or what
    /// the file system says.
    pub fn open(root: &Path, writer: &str, config: LogConfig) -> Result<Self, Error> {
        check_name(writer)?;
        let folder = root.join(writer);
        let stats = Stats::default();
        let (committer, salt) = Committer::start(&folder, &stats)?;
        let start = Position { segment: committer.segment(), offset: SEGMENT_HEADER_BYTES as u64 };
        let state = State {
            pending: Pending::default(),
            next: start,
            durable: start,
            health: Health::Well,
            lost: VecDeque::new(),
            urgent: false,
        };
        let shared = Arc::new(Shared {
            config,
            salt,
            state: Mutex::new(state),
            work: Condvar::new(),
            settled: Condvar::new(),
            stats,
        });
        let thread = std::thread::Builder::new().name(format!("queue-{writer}"));
        let for_thread = Arc::clone(&shared);
        let committer =
            thread.spawn(move || committer.run(&for_thread)).map_err(Error::io("start the committer of", &folder))?;
        Ok(Self { shared, committer: Some(committer), folder })
    }

    /// Takes records in order, all or none. They are safe when [`Log::wait_durable`] returns for the position.
    ///
    /// # Errors
    /// Nothing was taken: [`Error::Failed`], [`Error::Full`], [`Error::Busy`], [`Error::TooLarge`].
    pub fn append(&self, records: &[Record<'_>]) -> Result<Position, Error> {
        let mut state = self.shared.lock();
        if let Err(error) = self.shared.admit(&state, records) {
            self.shared.count_refused(&error, records.len() as u64);
            return Err(error);
        }
        let before = state.pending.bytes;
        for record in records {
            state.push(record, &self.shared);
        }
        state.pending.records += records.len() as u64;
        if before == 0 && state.pending.bytes > 0 {
            state.pending.since = Some(Instant::now());
            self.shared.work.notify_one();
        } else if before < self.shared.config.commit_bytes && state.pending.bytes >= self.shared.config.commit_bytes {
            self.shared.work.notify_one();
        }
        Ok(state.next)
    }

    /// Waits until everything up to `position` is on disk.
    ///
    /// # Errors
    /// [`Error::Failed`] if the log failed before that: the records must not be acknowledged.
    pub fn wait_durable(&self, position: Position) -> Result<(), Error> {
        let mut state = self.shared.lock();
        loop {
            match state.verdict(position) {
                Some(verdict) => return verdict,
                None => state = self.shared.settled.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Like [`Log::wait_durable`] without the wait: `None` if it is not known yet.
    pub fn durable(&self, position: Position) -> Option<Result<(), Error>> {
        self.shared.lock().verdict(position)
    }

    /// Commits what waits, now, and waits for it.
    ///
    /// # Errors
    /// [`Error::Failed`] if the log has failed.
    pub fn flush(&self) -> Result<(), Error> {
        let mut state = self.shared.lock();
        state.urgent = true;
        self.shared.work.notify_one();
        let position = state.next;
        drop(state);
        self.wait_durable(position)
    }

    /// Whether appends are accepted.
    ///
    /// # Errors
    /// Why they are not: [`Error::Failed`] or [`Error::Full`].
    pub fn check(&self) -> Result<(), Error> {
        self.shared.admit(&self.shared.lock(), &[])
    }

    /// How full the buffer in front of the disk is, from 0 to 1.
    pub fn saturation(&self) -> f64 {
        self.shared.lock().pending.bytes as f64 / self.shared.config.pending_bytes.max(1) as f64
    }

    /// How much of the disk that it may take the log has taken, from 0 to 1; 0 if it has no limit.
    pub fn disk_ratio(&self) -> f64 {
        match self.shared.config.disk_bytes {
            0 => 0.0,
            limit => (self.shared.stats.disk_bytes.load(Relaxed) as f64 / limit as f64).min(1.0),
        }
    }

    /// The folder of this log.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What this log counts about itself.
    pub fn readings(&self) -> Vec<Reading> {
        let pending_bytes = self.shared.lock().pending.bytes;
        let healthy = self.check().is_ok();
        self.shared.stats.readings(pending_bytes, healthy)
    }
}

/// Commits what waits, then releases the log.
impl Drop for Log {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.health = Health::Closing;
        self.shared.work.notify_one();
        drop(state);
        if let Some(committer) = self.committer.take() {
            // A panic in the committer was reported by its own thread.
            let _ = committer.join();
        }
    }
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admit(&self, state: &State, records: &[Record<'_>]) -> Result<(), Error> {
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

    fn count_refused(&self, error: &Error, records: u64) {
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
    fn push(&mut self, record: &Record<'_>, shared: &Shared) {
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

    fn verdict(&self, position: Position) -> Option<Result<(), Error>> {
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
