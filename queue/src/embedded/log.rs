//! The writing end of one log.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, atomic::Ordering::Relaxed},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use weir_sample::Reading;

use super::{
    behind::Behind,
    commit::{Committer, Start},
    config::LogConfig,
    reserve,
    segment::SEGMENT_HEADER_BYTES,
    state::{Health, Shared},
    stats::Stats,
};
use crate::{Error, Position, Record, error::check_name};

/// One writer's log. Appending is cheap and may be done from several threads; a thread of its own commits.
#[derive(Debug)]
pub struct Log {
    shared: Arc<Shared>,
    committer: Option<JoinHandle<()>>,
    folder: PathBuf,
    behind: Option<Behind>,
}

impl Log {
    /// Opens the log of `writer` under `root`, creating it if need be. A crashed predecessor's torn tail is cut, and
    /// a new segment is started. Where the disk has no room for it the log is open all the same, and failed until there is.
    ///
    /// # Errors
    /// [`Error::InUse`] if another process has it open, [`Error::Name`] for a name that cannot be a folder's, or what
    /// the file system says.
    pub fn open(root: &Path, writer: &str, config: LogConfig) -> Result<Self, Error> {
        check_name(writer)?;
        let folder = root.join(writer);
        let follow = config.follow.clone();
        let stats = Stats::default();
        let (committer, Start { salt, segment, failure }) = Committer::start(&folder, &stats)?;
        let start = Position { segment, offset: SEGMENT_HEADER_BYTES as u64 };
        if failure.is_none() {
            reserve::keep(root);
            reserve::keep(&folder);
        }
        let health = failure.map_or(Health::Well, |error| Health::Failed(error.to_string().into()));
        let shared = Arc::new(Shared::new(config, salt, stats, start, health));
        let thread = std::thread::Builder::new().name(format!("queue-{writer}"));
        let for_thread = Arc::clone(&shared);
        let committer =
            thread.spawn(move || committer.run(&for_thread)).map_err(Error::io("start the committer of", &folder))?;
        let mut log = Self { shared, committer: Some(committer), folder, behind: None };
        log.behind = follow.map(|follow| Behind::start(root, writer, follow)).transpose()?;
        Ok(log)
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

    /// Age of the oldest record that was taken and is not safe yet; zero if there is none.
    pub fn oldest_unsynced(&self) -> Duration {
        let state = self.shared.lock();
        let since = state.committing.or(state.pending.since);
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// How much of the disk that it may take the log has taken, from 0 to 1; 0 if it has no limit.
    pub fn disk_ratio(&self) -> f64 {
        match self.shared.config.disk_bytes {
            0 => 0.0,
            limit => (self.shared.stats.disk_bytes.load(Relaxed) as f64 / limit as f64).min(1.0),
        }
    }

    /// Age of the oldest record that the consumer it waits for has not read; zero if there is none.
    pub fn behind(&self) -> Duration {
        self.behind.as_ref().map_or(Duration::ZERO, Behind::age)
    }

    /// The same from 0 to 1, where it is at its bound.
    pub fn behind_ratio(&self) -> f64 {
        self.behind.as_ref().map_or(0.0, Behind::ratio)
    }

    /// The name that this writer has to itself: its folder's.
    pub fn writer(&self) -> &str {
        self.folder.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }

    /// What this log counts about itself.
    pub fn readings(&self) -> Vec<Reading> {
        let pending_bytes = self.shared.lock().pending.bytes;
        let healthy = self.check().is_ok();
        let mut readings = self.shared.stats.readings(pending_bytes, self.oldest_unsynced(), healthy);
        let behind = self.behind.as_ref();
        readings.extend(
            behind.map(|behind| {
                Reading::gauge("weir_queue_behind_seconds", &[], behind.age().as_secs_f64(), BEHIND_HELP)
            }),
        );
        readings
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

const BEHIND_HELP: &str = "Age of the oldest record of this log that the sink has not read. From half of queue.max_behind_s on agents slow \
    down, then bulk, normal and remote write are turned away: see to the sink.";
