//! What an operator decides over priority classes and rates.

use weir_queue::Lane;
use weir_sample::Selector;

/// Classes and rates of one gateway.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShedConfig {
    /// The first that fits a series is its class; none fits: normal. A batch goes with the most important of its series.
    pub classes: Vec<Class>,
    /// Samples a second that one agent may send to this gateway, averaged over a minute. Zero means no limit.
    pub agent_samples_per_second: f64,
    /// Samples a second that all agents of one tenant may send to this gateway. Zero means no limit.
    pub tenant_samples_per_second: f64,
}

/// Series of one priority class, as they are sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Class {
    /// Only for this tenant; `None` for all.
    pub tenant: Option<u32>,
    /// Which series.
    pub series: Selector,
    /// Their class.
    pub lane: Lane,
}

impl ShedConfig {
    /// Whether what is in a batch matters.
    pub(super) fn looks_inside(&self) -> bool {
        !self.classes.is_empty() || self.agent_samples_per_second > 0.0 || self.tenant_samples_per_second > 0.0
    }
}
