//! The writing end, wherever the queue is.

use std::{path::Path, time::Duration};

use weir_sample::Reading;

#[cfg(feature = "kafka")]
use crate::kafka;
use crate::{Error, LogConfig, Position, Record, embedded};

/// One writer's end of a queue.
#[derive(Debug)]
pub enum Log {
    /// A folder of its own under the queue's root.
    Embedded(embedded::Log),
    /// A topic of Kafka's.
    #[cfg(feature = "kafka")]
    Kafka(kafka::Log),
}

/// Asks whichever it is.
macro_rules! either {
    ($log:expr, $found:ident => $ask:expr) => {
        match $log {
            Log::Embedded($found) => $ask,
            #[cfg(feature = "kafka")]
            Log::Kafka($found) => $ask,
        }
    };
}

impl Log {
    /// Opens the log of `writer` under `root`, creating it if need be. A crashed predecessor's torn tail is cut, and
    /// a new segment is started. Where the disk has no room for it the log is open all the same, and failed until there is.
    ///
    /// # Errors
    /// [`Error::InUse`] if another process has it open, [`Error::Name`] for a name that cannot be a folder's, or what
    /// the file system says.
    pub fn open(root: &Path, writer: &str, config: LogConfig) -> Result<Self, Error> {
        embedded::Log::open(root, writer, config).map(Self::Embedded)
    }

    /// Takes records in order. They are safe when [`Log::wait_durable`] returns for the position.
    ///
    /// # Errors
    /// They are not taken, or not all: [`Error::Failed`], [`Error::Full`], [`Error::Busy`], [`Error::TooLarge`].
    pub fn append(&self, records: &[Record<'_>]) -> Result<Position, Error> {
        either!(self, log => log.append(records))
    }

    /// The same into one partition; an embedded log has only one.
    ///
    /// # Errors
    /// As [`Log::append`].
    #[cfg_attr(not(feature = "kafka"), expect(unused_variables, reason = "there are no partitions"))]
    pub fn append_to(&self, partition: u32, records: &[Record<'_>]) -> Result<Position, Error> {
        match self {
            Self::Embedded(log) => log.append(records),
            #[cfg(feature = "kafka")]
            Self::Kafka(log) => log.append_to(partition, records),
        }
    }

    /// Waits until what the append that answered `position` took is durable.
    ///
    /// # Errors
    /// [`Error::Failed`] if the log failed before that: the records must not be acknowledged.
    pub fn wait_durable(&self, position: Position) -> Result<(), Error> {
        either!(self, log => log.wait_durable(position))
    }

    /// Like [`Log::wait_durable`] without the wait: `None` if it is not known yet.
    pub fn durable(&self, position: Position) -> Option<Result<(), Error>> {
        either!(self, log => log.durable(position))
    }

    /// Commits what waits, now, and waits for it.
    ///
    /// # Errors
    /// [`Error::Failed`] if the log has failed.
    pub fn flush(&self) -> Result<(), Error> {
        either!(self, log => log.flush())
    }

    /// Whether appends are accepted.
    ///
    /// # Errors
    /// Why they are not: [`Error::Failed`] or [`Error::Full`].
    pub fn check(&self) -> Result<(), Error> {
        either!(self, log => log.check())
    }

    /// How full the buffer in front of the disk or of the broker is, from 0 to 1.
    pub fn saturation(&self) -> f64 {
        either!(self, log => log.saturation())
    }

    /// Age of the oldest record that was taken and is not safe yet; zero if there is none.
    pub fn oldest_unsynced(&self) -> Duration {
        either!(self, log => log.oldest_unsynced())
    }

    /// How much of the disk that it may take the log has taken, from 0 to 1; 0 if it has no limit.
    pub fn disk_ratio(&self) -> f64 {
        match self {
            Self::Embedded(log) => log.disk_ratio(),
            #[cfg(feature = "kafka")]
            Self::Kafka(_) => 0.0,
        }
    }

    /// Age of the oldest record that the consumer it waits for has not read; zero if there is none. A topic keeps its
    /// records for as long as it was told, whoever reads: there it is always zero.
    pub fn behind(&self) -> Duration {
        match self {
            Self::Embedded(log) => log.behind(),
            #[cfg(feature = "kafka")]
            Self::Kafka(_) => Duration::ZERO,
        }
    }

    /// The same from 0 to 1, where it is at its bound.
    pub fn behind_ratio(&self) -> f64 {
        match self {
            Self::Embedded(log) => log.behind_ratio(),
            #[cfg(feature = "kafka")]
            Self::Kafka(_) => 0.0,
        }
    }

    /// The name that this writer has to itself.
    pub fn writer(&self) -> &str {
        either!(self, log => log.writer())
    }

    /// What this log counts about itself.
    pub fn readings(&self) -> Vec<Reading> {
        either!(self, log => log.readings())
    }
}
