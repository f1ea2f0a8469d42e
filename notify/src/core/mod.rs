//! The notifier without sockets: told the time and what happened, it says what is to be sent.

mod accept;
mod book;
mod dead;
mod decide;
mod finish;
mod flush;
mod groups;
mod jobs;
mod lanes;
mod notifier;
mod open;
mod silencing;
mod view;

pub use finish::Outcome;
pub use jobs::Job;
pub use lanes::ChannelStatus;
pub use notifier::{Notifier, Settings};
pub use silencing::{NewSilence, SilenceRefused};
pub use view::{AlertView, GroupView};
