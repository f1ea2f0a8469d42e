//! What the agent says of itself: as series, as pages by HTTP, and to the commands that ask for them.

mod commands;
mod http;
mod page;
mod telemetry;
mod top;

pub(crate) use commands::{StatusArgs, show, watch};
pub(crate) use http::{Ask, Page, serve};
pub(crate) use page::Status;
pub(crate) use telemetry::Telemetry;
pub(crate) use top::Top;
