//! One question, and what this process knows of the way of a sample.

use std::sync::Arc;
use std::time::Duration;

use weir_query::{Engine, Source};
use weir_sample::Reading;
use weir_sink::Admission;

use super::asked::Asked;
use crate::api::agents::Agents;
use crate::api::auth::Caller;
use crate::api::write::AllCounters;

/// How long a metric is kept as it came, by the minute and by the hour.
pub(crate) type Kept = Arc<dyn Fn(&str) -> [Duration; 3] + Send + Sync>;

/// What is known of the way of a sample in this process.
#[derive(Clone)]
pub(crate) struct Ground {
    pub(crate) agents: Agents,
    pub(crate) admission: Arc<Admission>,
    /// Time that the store is behind with what was acknowledged.
    pub(crate) behind: Arc<dyn Fn() -> Duration + Send + Sync>,
    /// The gateway's figures; none where no gateway runs.
    pub(crate) gateway: Arc<dyn Fn() -> Vec<Reading> + Send + Sync>,
    pub(crate) written: AllCounters,
    /// How long a metric is kept as it came, by the minute and by the hour.
    pub(crate) kept: Kept,
}

/// One question on its way.
pub(super) struct Walk<'a> {
    pub(super) engine: &'a Engine,
    pub(super) source: &'a dyn Source,
    pub(super) ground: &'a Ground,
    pub(super) asked: Asked,
    pub(super) asker: Caller,
}
