//! What keeps an alert quiet: other alerts, silences, the time.

mod hours;
mod inhibitor;
mod silences;

pub(crate) use hours::is_muted;
pub(crate) use inhibitor::Inhibitor;
pub(crate) use silences::Silences;
