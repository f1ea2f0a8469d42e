//! What can go wrong with a queue.

use std::{io, path::PathBuf, sync::Arc};

/// Why the queue could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder of the queue could not be used.
    #[error(transparent)]
    Io(#[from] weir_files::Error),
    /// Another process appends to this log.
    #[error("{} is in use by another writer: give each gateway its own writer name", .0.display())]
    InUse(PathBuf),
    /// Another process, or another reader of this one, reads for this consumer.
    #[error(
        "{} is read by another \"{consumer}\"{}: stop that one, or give this one a queue of its own",
        root.display(),
        owner.map(|owner| format!(", process {owner}")).unwrap_or_default()
    )]
    ConsumerInUse {
        /// The queue's root folder.
        root: PathBuf,
        /// The consumer's name.
        consumer: String,
        /// Process id of the owner, where it could be read.
        owner: Option<u32>,
    },
    /// A writer's or consumer's name that cannot be a file name.
    #[error("{0:?} cannot name a writer or consumer: use 1 to 64 of A-Z a-z 0-9 . _ -, not starting with a dot")]
    Name(String),
    /// The log could not write or sync: nothing is accepted until it has recovered.
    #[error("the log has failed: {0}")]
    Failed(Arc<str>),
    /// The disk is slower than what arrives, and the bounded buffer in front of it is full.
    #[error("the buffer in front of the disk is full")]
    Busy,
    /// The log has reached its configured size because no consumer passes on.
    #[error("the log has reached its size limit")]
    Full,
    /// The log is being closed.
    #[error("the log is closed")]
    Closed,
    /// A payload that no segment would hold.
    #[error("a payload of {0} bytes is over the limit")]
    TooLarge(usize),
    /// What brokers answer, or that they do not.
    #[cfg(feature = "kafka")]
    #[error("Kafka: {0}")]
    Kafka(String),
    /// Records that this consumer had not read are gone.
    #[cfg(feature = "kafka")]
    #[error(
        "{topic} partition {partition} begins at {first} and this consumer has read up to {next}: {} records are lost. Their time has \
         passed, or somebody deleted them: give the topic a longer retention, then start once with \
         queue.kafka.accept_lost_records = true",
        first - next
    )]
    Lost {
        /// The topic.
        topic: String,
        /// Its partition.
        partition: i32,
        /// What would have been read next.
        next: i64,
        /// What is there first.
        first: i64,
    },
    /// The log is not the one that was read: records that had been acknowledged are gone from its end.
    #[cfg(feature = "kafka")]
    #[error(
        "{topic} partition {partition} is not the log that was read up to {next}: it has lost its end (an unclean leader election?), or \
         is another topic of this name. What was read is stored. To read on from what there is now, start once with \
         queue.kafka.accept_lost_records = true"
    )]
    WentBack {
        /// The topic.
        topic: String,
        /// Its partition.
        partition: i32,
        /// What would have been read next.
        next: i64,
    },
    /// Another process reads for this group now.
    #[cfg(feature = "kafka")]
    #[error(
        "{by} has claimed {topic} partition {partition} for the same group: this process has stopped. Each sink needs partitions of its \
         own, or a group of its own"
    )]
    Fenced {
        /// The topic.
        topic: String,
        /// Its partition.
        partition: i32,
        /// Who that is.
        by: String,
    },
    /// Bytes that are no checkpoint.
    #[error("damaged checkpoint")]
    Checkpoint,
}

impl Error {
    /// A word for a `reason` label.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Io(_) => "io",
            Self::InUse(_) | Self::ConsumerInUse { .. } => "in_use",
            Self::Name(_) => "name",
            Self::Failed(_) => "failed",
            Self::Busy => "busy",
            Self::Full => "full",
            Self::Closed => "closed",
            Self::TooLarge(_) => "too_large",
            #[cfg(feature = "kafka")]
            Self::Kafka(_) => "kafka",
            #[cfg(feature = "kafka")]
            Self::Lost { .. } => "lost",
            #[cfg(feature = "kafka")]
            Self::WentBack { .. } => "went_back",
            #[cfg(feature = "kafka")]
            Self::Fenced { .. } => "fenced",
            Self::Checkpoint => "checkpoint",
        }
    }

    /// Whether trying again would do harm: somebody else has taken over.
    pub fn is_final(&self) -> bool {
        self.reason() == "fenced"
    }

    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io(weir_files::Error { action, path, source })
    }
}

/// Names become file names, so they must not be able to leave the root or hide in it.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let legal = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
    let ok = (1..=64).contains(&name.len()) && name.bytes().all(legal) && !name.starts_with('.');
    if ok { Ok(()) } else { Err(Error::Name(name.to_owned())) }
}
