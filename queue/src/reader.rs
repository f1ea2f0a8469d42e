//! The reading end, wherever the queue is.

use std::path::{Path, PathBuf};

use weir_sample::{Reading, Timestamp};

#[cfg(feature = "kafka")]
use crate::kafka;
use crate::{Checkpoint, Error, Parts, Polled, Position, Record, embedded};

/// Where a queue is read.
#[derive(Clone, Debug)]
pub enum Source {
    /// The root folder of an embedded one.
    Folder(PathBuf),
    /// Partitions of a topic.
    #[cfg(feature = "kafka")]
    Kafka(Box<kafka::GroupConfig>),
}

impl Source {
    /// The way to the other sinks of the group, if there are others.
    ///
    /// # Errors
    /// What brokers say.
    pub fn parts(&self) -> Result<Option<Parts>, Error> {
        match self {
            Self::Folder(_) => Ok(None),
            #[cfg(feature = "kafka")]
            Self::Kafka(config) => config.parts(),
        }
    }
}

/// Reads a queue on behalf of one named consumer, and is the only one who does while it lives.
#[derive(Debug)]
pub enum Reader {
    /// All logs under a root.
    Embedded(embedded::Reader),
    /// Partitions of a topic.
    #[cfg(feature = "kafka")]
    Kafka(Box<kafka::Reader>),
}

/// Asks whichever it is.
macro_rules! either {
    ($reader:expr, $found:ident => $ask:expr) => {
        match $reader {
            Reader::Embedded($found) => $ask,
            #[cfg(feature = "kafka")]
            Reader::Kafka($found) => $ask,
        }
    };
}

impl Reader {
    /// Opens the queue under `root`, which need not exist yet, to continue after `checkpoint`. From now on nothing
    /// after the checkpoint is deleted until this consumer [forgets](Reader::forget) it or is [retired](crate::retire).
    ///
    /// # Errors
    /// [`Error::ConsumerInUse`] if another reads for this consumer, [`Error::Name`] for a bad consumer name, or what the file system says.
    pub fn open(root: &Path, consumer: &str, checkpoint: &Checkpoint) -> Result<Self, Error> {
        embedded::Reader::open(root, consumer, checkpoint).map(Self::Embedded)
    }

    /// Opens whatever `source` is, to continue after `checkpoint`.
    ///
    /// # Errors
    /// As [`Reader::open`]; of a topic also [`Error::Lost`] and [`Error::WentBack`], or what the brokers say.
    pub fn open_at(source: &Source, consumer: &str, checkpoint: &Checkpoint) -> Result<Self, Error> {
        match source {
            Source::Folder(root) => Self::open(root, consumer, checkpoint),
            #[cfg(feature = "kafka")]
            Source::Kafka(group) => kafka::Reader::open(group, checkpoint).map(|reader| Self::Kafka(Box::new(reader))),
        }
    }

    /// Delivers what has arrived, oldest first over all logs, until about `max_bytes` of payload. An empty poll means
    /// there is nothing now, unless it was blind.
    ///
    /// # Errors
    /// A log that cannot be read. What was delivered before counts, and the next poll continues after it.
    pub fn poll(&mut self, max_bytes: usize, deliver: impl FnMut(&Record<'_>, Position)) -> Result<Polled, Error> {
        either!(self, reader => reader.poll(max_bytes, deliver))
    }

    /// How far the polls so far have come.
    pub fn checkpoint(&self) -> Checkpoint {
        either!(self, reader => reader.checkpoint())
    }

    /// When the oldest record that was not delivered yet was received; `None` if there is none now.
    ///
    /// # Errors
    /// A log that cannot be read.
    pub fn oldest_unread(&mut self) -> Result<Option<Timestamp>, Error> {
        either!(self, reader => reader.oldest_unread())
    }

    /// Tells how far the polls have come: the owners of logs, or whoever asks the brokers for the group's offsets.
    pub fn tell_place(&mut self) {
        either!(self, reader => reader.tell_place())
    }

    /// Notes that this consumer will never ask again for what comes before `checkpoint`. Of an embedded queue the segments
    /// that no consumer needs any more are deleted. Returns how many were.
    ///
    /// # Errors
    /// What the file system says; the next call tries again.
    pub fn forget(&mut self, checkpoint: &Checkpoint) -> Result<u64, Error> {
        match self {
            Self::Embedded(reader) => reader.forget(checkpoint),
            // A topic forgets by itself, by time and size.
            #[cfg(feature = "kafka")]
            Self::Kafka(_) => Ok(0),
        }
    }

    /// Bytes that have arrived in an embedded queue and were not delivered yet. Looks at the files, so call it every few seconds
    /// at most.
    pub fn backlog_bytes(&self) -> u64 {
        match self {
            Self::Embedded(reader) => reader.backlog_bytes(),
            #[cfg(feature = "kafka")]
            Self::Kafka(_) => 0,
        }
    }

    /// What this reader counts about itself.
    pub fn readings(&self) -> Vec<Reading> {
        either!(self, reader => reader.readings())
    }
}
