//! HTTP/1.1 to targets and services: one connection for each, kept open; answers bounded in size, alone and together. And what name
//! servers say of where they are.

mod answer;
mod client;
mod failure;
mod names;
mod settings;
mod stream;
mod tls;

pub use answer::{Answer, Room};
pub use client::{Ask, Client, Connection, Lookup};
pub use failure::Failure;
pub use names::ask_names;
pub use settings::{Authorization, BasicAuth, ClientSettings, Header, Secret, Tls};
pub use stream::Stream;
