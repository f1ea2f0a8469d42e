//! Who hears of which alert: Alertmanager's configuration, its routes, matchers, mute times, inhibition and silences.
//!
//! A file enters and becomes a [`Config`] that cannot be wrong, or faults with their places. Nothing here sends.

pub mod channel;
mod conditions;
mod config;
mod document;
mod fault;
mod grow;
mod inhibit;
mod intervals;
pub mod matcher;
mod period;
mod preview;
mod secret;
mod settle;
mod silence;
#[cfg(test)]
mod tests;
mod tree;
mod yaml;

pub use config::Config;
pub use fault::ConfigFault;
pub use inhibit::Inhibition;
pub use matcher::{Labels, Matcher};
pub use period::Intervals;
pub use preview::{Guard, Preview, Teams};
pub use secret::Secret;
pub use silence::{Silence, SilenceState};
pub use tree::{GroupBy, Route, Routes};
