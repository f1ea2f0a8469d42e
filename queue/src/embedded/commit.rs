//! The committer: the one thread that writes a log's segments, syncs them, and brings a failed log back.

use std::{
    fs::{self, File},
    hash::{BuildHasher, RandomState},
    path::{Path, PathBuf},
    sync::{MutexGuard, PoisonError, atomic::Ordering::Relaxed},
    time::Instant,
};

use super::{
    lock::WriterLock,
    reserve,
    segment::{self, SEGMENT_HEADER_BYTES},
    state::{Chunk, Health, Pending, Shared, State},
    stats::Stats,
};
use crate::{Error, Position};

/// Ranges of lost positions remembered. Waits last seconds and failures are at least a retry apart.
const MAX_LOST_RANGES: usize = 64;

/// Owns the segment files of a log.
#[derive(Debug)]
pub(crate) struct Committer {
    folder: PathBuf,
    lock: WriterLock,
    salt: u32,
    /// `None` before the first could be made.
    open: Option<Open>,
    /// When it was last looked what the log has on disk.
    measured: Instant,
}

/// The segment that is written.
#[derive(Debug)]
struct Open {
    file: File,
    path: PathBuf,
    number: u64,
    /// Bytes that are durable: what a failed one is cut back to.
    durable_bytes: u64,
}

/// What a committer starts with.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) salt: u32,
    /// Number of the first segment.
    pub(crate) segment: u64,
    /// Why that could not be made yet; the committer tries again.
    pub(crate) failure: Option<Error>,
}

impl Committer {
    /// Locks the log, cuts a torn tail, and starts a new segment. A disk that has no room for one is no reason not to
    /// start: only who runs can wait for it.
    pub(crate) fn start(folder: &Path, stats: &Stats) -> Result<(Self, Start), Error> {
        let (lock, number) = WriterLock::acquire(folder)?;
        if let Some(&newest) = segment::list(folder)?.last() {
            stats.cut_bytes.fetch_add(segment::cut_torn_tail(folder, newest)?, Relaxed);
        }
        // Seeded by the system's random source; it only has to be unknown to whoever crafts a payload.
        let salt = RandomState::new().hash_one(number) as u32;
        let mut committer = Self { folder: folder.to_owned(), lock, salt, open: None, measured: Instant::now() };
        let failure = committer.open_segment(number).err();
        stats.failures.fetch_add(failure.is_some().into(), Relaxed);
        committer.measure_disk(stats)?;
        Ok((committer, Start { salt, segment: number, failure }))
    }

    /// Commits until the log closes.
    pub(crate) fn run(mut self, shared: &Shared) {
        let mut spare = Pending::default();
        if self.open.is_none() && !self.recover(shared) {
            return;
        }
        while let Some((mut pending, end)) = self.next_commit(shared, &mut spare) {
            match self.commit(&pending.chunks, &shared.stats) {
                Ok(()) => {
                    shared.stats.records.fetch_add(pending.records, Relaxed);
                    shared.stats.bytes.fetch_add(pending.bytes as u64, Relaxed);
                    let mut state = shared.lock();
                    (state.durable, state.committing) = (end, None);
                    drop(state);
                    shared.settled.notify_all();
                }
                Err(error) => {
                    fail(shared, &error, pending.records);
                    if !self.recover(shared) {
                        return;
                    }
                }
            }
            pending.recycle();
            spare = pending;
            if shared.is_filling() && self.measured.elapsed() >= shared.config.retry {
                self.measured = Instant::now();
                // If the folder cannot be listed the old size stands.
                let _ = self.measure_disk(&shared.stats);
            }
        }
    }

    /// Waits until a commit is due and takes what is pending. `None` when the log is closed and nothing is left.
    fn next_commit(&self, shared: &Shared, spare: &mut Pending) -> Option<(Pending, Position)> {
        let mut state = shared.lock();
        loop {
            let closing = matches!(state.health, Health::Closing);
            if state.pending.bytes == 0 {
                state.urgent = false;
                if closing {
                    return None;
                }
                state = self.wait_for_work(shared, state);
                continue;
            }
            let waited = state.pending.since.map_or(shared.config.commit_delay, |since| since.elapsed());
            let early = state.urgent || closing || state.pending.bytes >= shared.config.commit_bytes;
            let left = shared.config.commit_delay.saturating_sub(waited);
            if early || left.is_zero() {
                break;
            }
            state = shared.work.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.urgent = false;
        state.committing = state.pending.since;
        let pending = std::mem::replace(&mut state.pending, std::mem::take(spare));
        // The recycled chunk belongs to whatever segment comes next.
        let segment = state.next.segment;
        state.pending.chunks.iter_mut().for_each(|chunk| chunk.segment = segment);
        Some((pending, state.next))
    }

    /// Sleeps until told. A log that fills looks by itself whether consumers, perhaps in another process, have made room: who
    /// is turned away because of it brings nothing that would wake it.
    fn wait_for_work<'a>(&self, shared: &'a Shared, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        if !shared.is_filling() {
            return shared.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let (state, _) = shared.work.wait_timeout(state, shared.config.retry).unwrap_or_else(PoisonError::into_inner);
        // Nobody who asks how the log is shall wait for a slow disk.
        drop(state);
        // If the folder cannot be listed the old size stands, and the log stays full until it can.
        let _ = self.measure_disk(&shared.stats);
        shared.lock()
    }

    fn commit(&mut self, chunks: &[Chunk], stats: &Stats) -> Result<(), Error> {
        for chunk in chunks.iter().filter(|chunk| !chunk.frames.is_empty()) {
            if self.open.as_ref().is_none_or(|open| open.number != chunk.segment) {
                self.open_segment(chunk.segment)?;
                reserve::keep(&self.folder);
                self.measure_disk(stats)?;
            }
            let open = self.open.as_mut().expect("a segment is open, or opening it has failed");
            weir_files::write_at(&open.file, &open.path, &chunk.frames, open.durable_bytes)?;
            let started = Instant::now();
            weir_files::sync(&open.file, &open.path)?;
            let now = Instant::now();
            stats.count_sync(now - started, now);
            stats.disk_bytes.fetch_add(chunk.frames.len() as u64, Relaxed);
            open.durable_bytes += chunk.frames.len() as u64;
        }
        Ok(())
    }

    fn open_segment(&mut self, number: u64) -> Result<(), Error> {
        let file = reserve::draw(&self.folder, || {
            self.lock.reserve(number + 1)?;
            segment::create(&self.folder, number, self.salt)
        })?;
        let path = segment::path_of(&self.folder, number);
        self.open = Some(Open { file, path, number, durable_bytes: SEGMENT_HEADER_BYTES as u64 });
        Ok(())
    }

    fn measure_disk(&self, stats: &Stats) -> Result<(), Error> {
        let numbers = segment::list(&self.folder)?;
        let size = |number: &u64| fs::metadata(segment::path_of(&self.folder, *number)).map_or(0, |meta| meta.len());
        stats.disk_bytes.store(numbers.iter().map(size).sum(), Relaxed);
        stats.segments.store(numbers.len() as u64, Relaxed);
        Ok(())
    }

    /// Tries again until a fresh segment could be made durable. After a failed sync the old file cannot be trusted:
    /// it is cut back to what was acked and never written again. `false` if the log was closed meanwhile.
    fn recover(&mut self, shared: &Shared) -> bool {
        let mut number = shared.lock().next.segment;
        loop {
            if !pause(shared) {
                return false;
            }
            number += 1;
            if self.cut_back().and_then(|()| self.open_segment(number)).is_ok() {
                break;
            }
        }
        // A log that can write can list; a size that stays stale for one segment harms nothing.
        let _ = self.measure_disk(&shared.stats);
        let mut state = shared.lock();
        let start = Position { segment: number, offset: SEGMENT_HEADER_BYTES as u64 };
        (state.next, state.durable) = (start, start);
        if matches!(state.health, Health::Failed(_)) {
            state.health = Health::Well;
        }
        true
    }

    fn cut_back(&mut self) -> Result<(), Error> {
        // Consumers may have passed and deleted it.
        let Some(open) = self.open.as_ref().filter(|open| open.path.exists()) else { return Ok(()) };
        Ok(weir_files::cut(&open.file, &open.path, open.durable_bytes)?)
    }
}

impl Pending {
    /// Keeps the memory of the first chunk, so that a steady stream is committed without allocating.
    fn recycle(&mut self) {
        self.chunks.truncate(1);
        self.chunks.iter_mut().for_each(|chunk| chunk.frames.clear());
        (self.bytes, self.records, self.since) = (0, 0, None);
    }
}

fn fail(shared: &Shared, error: &Error, in_flight: u64) {
    let mut state = shared.lock();
    let pending = std::mem::take(&mut state.pending);
    state.committing = None;
    shared.stats.failures.fetch_add(1, Relaxed);
    shared.stats.lost_records.fetch_add(in_flight + pending.records, Relaxed);
    if state.lost.len() == MAX_LOST_RANGES {
        state.lost.pop_front();
    }
    let range = (state.durable, state.next);
    state.lost.push_back(range);
    if matches!(state.health, Health::Well) {
        state.health = Health::Failed(error.to_string().into());
    }
    shared.settled.notify_all();
}

/// Waits for the next try. `false` if the log is being closed.
fn pause(shared: &Shared) -> bool {
    let closing = |state: &mut State| matches!(state.health, Health::Closing);
    let waited = shared.work.wait_timeout_while(shared.lock(), shared.config.retry, |state| !closing(state));
    let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
    !closing(&mut state)
}
