//! From queue to storage: records enter in queue order; rows of samples leave for the store.
//!
//! Each batch is counted once however often it was delivered, deltas become cumulative counters, and series that
//! several senders share are merged before they are written. The sink's own state is saved with the store's, so a crash
//! between two checkpoints is undone by reading the queue again from where the last one stood.

mod config;
mod contents;
mod events;
mod exchange;
mod exemplars;
mod health;
mod imported;
mod ingest;
mod opening;
mod partials;
mod plan;
mod scraped;
mod senders;
mod series;
mod service;
mod sink;
mod state;
mod told;
mod watermark;

pub use config::SinkConfig;
pub use events::{Cursor, EventPage, EventsConfig, EventsWanted, NoCursor, StoredEvent, events_of};
pub use exemplars::{Exemplar, Exemplars, MOST_LABEL_CHARACTERS, MOST_OF_SERIES, USUAL_EXEMPLARS};
pub use health::Health;
pub use imported::exemplar_bytes;
pub use imported::form::SampleWriter;
pub use imported::labels::{Labels, MOST_LABEL_BYTES, MOST_LABELS, MOST_NAME_BYTES, Odd, Pair};
pub use imported::running::DIFFERENCES_COUNTED;
pub use opening::{Opening, StoreHandle};
pub use scraped::{Outcome, Scrape, ScrapeTemplate, ScrapeWriter, TooLarge};
pub use senders::Memory;
pub use senders::fleet::FleetStatus;
pub use senders::marks::{Mark, Watermarks};
pub use senders::roster::{AgentState, AgentStatus, Listing};
pub use series::{
    Action, Admission, AdmissionConfig, Cardinality, Grant, LabelUse, Met, MetricUse, Rule, TenantUse, Trace,
};
pub use service::{Beside, Service, ServiceConfig};
pub use sink::{CONSUMER, Sink};
pub use told::Catalogue;
pub use told::form::MetadataWriter;

/// What can go wrong between queue and store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The queue cannot be read.
    #[error("reading the queue")]
    Queue(#[from] weir_queue::Error),
    /// The store refuses to write or to checkpoint.
    #[error("writing to the store")]
    Store(#[from] weir_store::Error),
    /// Events cannot be written.
    #[error("keeping events")]
    Events(#[from] weir_files::Error),
    /// The system gives no more threads.
    #[error("starting a thread of the sink")]
    Thread(#[source] std::io::Error),
    /// The state saved with the store's last checkpoint is not the sink's.
    #[error("the sink's saved state is damaged or from a newer version: {0}")]
    State(&'static str),
}
