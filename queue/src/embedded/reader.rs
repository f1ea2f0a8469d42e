//! The reading end: all logs under a root, merged by the time their records were received.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use weir_files::FolderLock;
use weir_sample::{Reading, Timestamp};

use super::{
    consumers::{self, delete_passed, remove_dead},
    cursor::{Cursor, Damage},
    reserve,
};
use crate::{Checkpoint, Error, Polled, Position, Record, error::check_name};

/// How often a busy reader looks for new logs. An idle one looks every time.
const DISCOVER: Duration = Duration::from_secs(1);

/// Reads a queue on behalf of one named consumer, and is the only one who does while it lives. Several consumers read
/// independently.
#[derive(Debug)]
pub struct Reader {
    root: PathBuf,
    consumer: String,
    start: Checkpoint,
    cursors: Vec<Cursor>,
    discovered: Option<Instant>,
    records: u64,
    payload_bytes: u64,
    deleted_segments: u64,
    untold_places: u64,
    damage_of_removed: Damage,
    _lock: FolderLock,
}

impl Reader {
    /// Opens the queue under `root`, which need not exist yet, to continue after `checkpoint`. From now on nothing
    /// after the checkpoint is deleted until this consumer [forgets](Reader::forget) it or is [retired](crate::retire).
    ///
    /// # Errors
    /// [`Error::ConsumerInUse`] if another reads for this consumer, [`Error::Name`] for a bad consumer name, or what the file system says.
    pub fn open(root: &Path, consumer: &str, checkpoint: &Checkpoint) -> Result<Self, Error> {
        weir_files::own_folder(root)?;
        let lock = consumers::register(root, consumer, checkpoint)?;
        reserve::keep(root);
        let mut reader = Self {
            root: root.to_owned(),
            consumer: consumer.to_owned(),
            start: checkpoint.clone(),
            cursors: Vec::new(),
            discovered: None,
            records: 0,
            payload_bytes: 0,
            deleted_segments: 0,
            untold_places: 0,
            damage_of_removed: Damage::default(),
            _lock: lock,
        };
        reader.discover()?;
        Ok(reader)
    }

    /// Delivers what has arrived, oldest first over all logs, until about `max_bytes` of payload. Never waits: an
    /// empty poll means there is nothing now.
    ///
    /// # Errors
    /// A log that cannot be read. What was delivered before counts, and the next poll continues after it.
    pub fn poll(&mut self, max_bytes: usize, mut deliver: impl FnMut(&Record<'_>, Position)) -> Result<Polled, Error> {
        if self.discovered.is_none_or(|at| at.elapsed() >= DISCOVER) {
            self.discover()?;
        }
        let mut polled = Polled::default();
        while let Some(oldest) = self.oldest()? {
            if polled.bytes >= max_bytes {
                polled.more = true;
                break;
            }
            let Some((record, position)) = self.cursors[oldest].take() else { break };
            deliver(&record, position);
            polled.records += 1;
            polled.bytes += record.payload.len();
        }
        if polled.records == 0 {
            self.discovered = None;
        }
        self.records += polled.records as u64;
        self.payload_bytes += polled.bytes as u64;
        Ok(polled)
    }

    /// How far the polls so far have come.
    pub fn checkpoint(&self) -> Checkpoint {
        let mut checkpoint = self.start.clone();
        self.cursors.iter().for_each(|cursor| checkpoint.set(&cursor.writer, cursor.position()));
        checkpoint
    }

    /// When the oldest record that was not delivered yet was received; `None` if there is none now.
    ///
    /// # Errors
    /// A log that cannot be read.
    pub fn oldest_unread(&mut self) -> Result<Option<Timestamp>, Error> {
        let Some(oldest) = self.oldest()? else { return Ok(None) };
        Ok(self.cursors[oldest].peek()?.map(|header| header.received))
    }

    /// Tells the owners of the logs how far the polls have come, by a file in the queue. What fails is counted: they then
    /// take this consumer for slower than it is.
    pub fn tell_place(&mut self) {
        let told = consumers::tell_place(&self.root, &self.consumer, &self.checkpoint());
        self.untold_places += u64::from(told.is_err());
    }

    /// Notes that this consumer will never ask again for what comes before `checkpoint`, and deletes the segments
    /// that no consumer needs any more. Returns how many were deleted.
    ///
    /// # Errors
    /// What the file system says; the next call tries again.
    pub fn forget(&mut self, checkpoint: &Checkpoint) -> Result<u64, Error> {
        consumers::record(&self.root, &self.consumer, checkpoint)?;
        let known = consumers::all(&self.root)?;
        let mut deleted = 0;
        for cursor in &self.cursors {
            deleted += delete_passed(&self.root, &cursor.writer, &known)?;
            deleted += u64::from(remove_dead(&self.root, &cursor.writer, &known)?);
        }
        self.deleted_segments += deleted;
        if deleted > 0 {
            reserve::keep(&self.root);
        }
        Ok(deleted)
    }

    /// Bytes that have arrived and were not delivered yet. Looks at the files, so call it every few seconds at most.
    pub fn backlog_bytes(&self) -> u64 {
        self.cursors.iter().map(Cursor::backlog_bytes).sum()
    }

    /// What this reader counts about itself.
    pub fn readings(&self) -> Vec<Reading> {
        let mut damage = self.damage_of_removed;
        self.cursors.iter().for_each(|cursor| damage.add(cursor.damage));
        let labels = [("consumer", self.consumer.as_str())];
        let counter = |name, value, help| Reading::counter(name, &labels, value, help);
        let gauge = |name, value: f64, help| Reading::gauge(name, &labels, value, help);
        vec![
            counter("weir_queue_read_records_total", self.records, "Records read."),
            counter("weir_queue_read_bytes_total", self.payload_bytes, "Payload bytes read."),
            counter("weir_queue_damaged_spots_total", damage.spots, DAMAGE_HELP),
            counter("weir_queue_damaged_bytes_total", damage.bytes, "Bytes in damaged spots."),
            counter("weir_queue_missing_segments_total", damage.missing_segments, MISSING_HELP),
            counter(
                "weir_queue_deleted_segments_total",
                self.deleted_segments,
                "Segments deleted after every consumer.",
            ),
            counter("weir_queue_untold_places_total", self.untold_places, UNTOLD_HELP),
            gauge("weir_queue_logs", self.cursors.len() as f64, "Logs, one per writer, found in the queue."),
            gauge("weir_queue_backlog_bytes", self.backlog_bytes() as f64, BACKLOG_HELP),
        ]
    }

    fn oldest(&mut self) -> Result<Option<usize>, Error> {
        let mut oldest = None;
        for (at, cursor) in self.cursors.iter_mut().enumerate() {
            if let Some(header) = cursor.peek()? {
                let received = header.received;
                if oldest.is_none_or(|(_, earliest)| received < earliest) {
                    oldest = Some((at, received));
                }
            }
        }
        Ok(oldest.map(|(at, _)| at))
    }

    /// Drops logs that were removed, and finds new ones.
    fn discover(&mut self) -> Result<(), Error> {
        let (start, counted) = (&mut self.start, &mut self.damage_of_removed);
        self.cursors.retain(|cursor| {
            let stays = cursor.folder().exists();
            if !stays {
                start.remove(&cursor.writer);
                counted.add(cursor.damage);
            }
            stays
        });
        let root = &self.root;
        for entry in fs::read_dir(root).map_err(Error::io("list", root))? {
            let entry = entry.map_err(Error::io("list", root))?;
            let name = entry.file_name();
            let Some(writer) = name.to_str().filter(|name| check_name(name).is_ok()) else { continue };
            let known = self.cursors.iter().any(|cursor| cursor.writer == writer);
            if !known && is_folder(&entry).map_err(Error::io("look at", entry.path()))? {
                let position = self.start.position(writer).unwrap_or_default();
                self.cursors.push(Cursor::new(entry.path(), writer.to_owned(), position));
            }
        }
        self.discovered = Some(Instant::now());
        Ok(())
    }
}

fn is_folder(entry: &fs::DirEntry) -> io::Result<bool> {
    entry.file_type().map(|kind| kind.is_dir())
}

const DAMAGE_HELP: &str = "Places where the log could not be read: damaged records, or a tail cut short by a crash. \
                           The log names each. More than one per crash of a writer: check the disk.";
const UNTOLD_HELP: &str = "Times the consumer could not write how far it has read. Gateways then take it for slower than it is and \
    turn writes away: see to the queue's disk and the rights of its folder.";
const MISSING_HELP: &str = "Times a segment to be read next was gone. Somebody deletes queue files by hand.";
const BACKLOG_HELP: &str = "Bytes that wait in the queue. If this grows, the sink is too slow or its backend is down.";
