//! From a group whose time has come to a notification that its channel has taken.

mod dead;
mod decide;
mod finish;
mod flush;
mod jobs;
mod withdraw;

pub use finish::Outcome;
pub use jobs::Job;
