//! The notifier without sockets: told the time and what happened, it says what is to be sent.

mod accept;
mod book;
mod groups;
mod lanes;
mod notifier;
mod open;
mod readings;
mod silencing;
mod tell;
mod view;

pub use lanes::ChannelStatus;
pub use notifier::{Notifier, Settings};
pub use silencing::{NewSilence, SilenceRefused};
pub use tell::{Job, Outcome};
pub use view::{AlertView, GroupView};
