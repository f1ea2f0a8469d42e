//! The sender's side of delivery, told the time and without IO.

mod outbox;

pub use outbox::{Entry, Outbox, OutboxConfig, Route, Transmit};
