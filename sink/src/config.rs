//! What the sink may be told.

use std::path::Path;
use std::time::Duration;

use weir_queue::Source;

use crate::events::EventsConfig;
use crate::exemplars::USUAL_EXEMPLARS;
use crate::senders::Memory;

/// The sink's settings.
#[derive(Clone, Debug)]
pub struct SinkConfig {
    /// Where the queue is.
    pub queue: Source,
    /// How long a window of a shared series waits for late parts after its end.
    pub lateness: Duration,
    /// How long a watermark waits for a sender past its next window; `None`: two of its windows.
    pub wait: Option<Duration>,
    /// How long silent senders are remembered.
    pub memory: Memory,
    /// Exemplars in memory, at most.
    pub max_exemplars: usize,
    /// Where events are kept.
    pub events: EventsConfig,
}

impl SinkConfig {
    /// A sink on the queue in `root`, with the default lateness and memory, and events beside the queue.
    pub fn new(root: &Path) -> Self {
        Self {
            queue: Source::Folder(root.to_owned()),
            lateness: Duration::from_secs(30),
            wait: None,
            memory: Memory::default(),
            max_exemplars: USUAL_EXEMPLARS,
            events: EventsConfig::at(root.with_file_name("events")),
        }
    }
}
