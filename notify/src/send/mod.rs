//! Requests are carried out, and the core is kept going.

mod causes;
mod clients;
mod handle;
mod http;
mod mail;
mod run;
mod secrets;
mod sender;

pub use handle::{Handle, Unavailable};
pub use run::{Health, Runner};
pub use sender::Sender;
