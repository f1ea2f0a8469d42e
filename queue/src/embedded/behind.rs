//! How far a consumer is behind with a log: the consumer tells its place now and then, and the log's owner, perhaps in
//! another process, looks when the first record after that place was received.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use weir_sample::Timestamp;

use super::consumers;
use super::segment::{self, SEGMENT_HEADER_BYTES};
use crate::record::{FRAME_HEADER_BYTES, FrameHeader};
use crate::{Checkpoint, Error, Position};

/// The consumer that a log waits for, and how long at most.
#[derive(Clone, Debug)]
pub struct Follow {
    /// Its name.
    pub consumer: String,
    /// Age of the oldest record that it has not read at which the log counts as full. Zero never does.
    pub most: Duration,
}

/// What is known of the consumer. Looked up by a thread of its own, so that nobody else waits for the disk.
#[derive(Debug)]
pub(crate) struct Behind {
    most: Duration,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    /// When the oldest unread record was received, in milliseconds; `NONE` if all are read.
    unread: AtomicI64,
    stopping: AtomicBool,
}

const NONE: i64 = i64::MAX;

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(500);

impl Behind {
    pub(crate) fn start(root: &Path, writer: &str, follow: Follow) -> Result<Self, Error> {
        let shared = Arc::new(Shared { unread: AtomicI64::new(NONE), ..Shared::default() });
        let (for_thread, root, log) = (shared.clone(), root.to_owned(), root.join(writer));
        let (Follow { consumer, most }, writer) = (follow, writer.to_owned());
        let look = move || {
            while !for_thread.stopping.load(Relaxed) {
                // What cannot be read now leaves what was known: a record that stays unread grows older all the same.
                if let Some(unread) = look(&root, &log, &writer, &consumer) {
                    for_thread.unread.store(unread.map_or(NONE, Timestamp::millis), Relaxed);
                }
                thread::park_timeout(LOOK);
            }
        };
        let thread = thread::Builder::new().name("queue-behind".into()).spawn(look);
        let thread = thread.map_err(Error::io("start a thread of", PathBuf::from("the queue")))?;
        Ok(Self { most, shared, thread: Some(thread) })
    }

    /// Age of the oldest record that the consumer has not read, as far as is known.
    pub(crate) fn age(&self) -> Duration {
        match self.shared.unread.load(Relaxed) {
            NONE => Duration::ZERO,
            unread => weir_meters::clock::now().since(Timestamp(unread)),
        }
    }

    /// The same from 0 to 1, where it is at its bound.
    pub(crate) fn ratio(&self) -> f64 {
        if self.most.is_zero() { 0.0 } else { (self.age().as_secs_f64() / self.most.as_secs_f64()).min(1.0) }
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic was reported by its own thread.
            let _ = thread.join();
        }
    }
}

/// When the oldest record that `consumer` has not read was received, if there is one. `None`: there is no consumer that
/// told its place, or that cannot be read now.
#[expect(clippy::option_option, reason = "not known is something else than none")]
fn look(root: &Path, log: &Path, writer: &str, consumer: &str) -> Option<Option<Timestamp>> {
    let place = Checkpoint::decode(&fs::read(consumers::place_of(root, consumer)).ok()?).ok()?;
    received_after(log, place.position(writer).unwrap_or_default()).ok()?
}

/// When the record at a position was received, or the first of a later segment.
#[expect(clippy::option_option, reason = "not known is something else than none")]
fn received_after(log: &Path, position: Position) -> Result<Option<Option<Timestamp>>, Error> {
    for number in segment::list(log)?.into_iter().filter(|&number| number >= position.segment) {
        let path = segment::path_of(log, number);
        let read = |error| Error::io("read", &path)(error);
        let file = File::open(&path).map_err(read)?;
        let Some(salt) = segment::salt_of(&file, number).map_err(read)? else { continue };
        let start = if number == position.segment { position.offset } else { 0 };
        let mut header = [0; FRAME_HEADER_BYTES];
        let filled = segment::read_up_to(&file, &mut header, start.max(SEGMENT_HEADER_BYTES as u64)).map_err(read)?;
        if filled == header.len() {
            return Ok(FrameHeader::decode(&header, salt).map(|header| Some(header.received)));
        }
    }
    Ok(Some(None))
}
