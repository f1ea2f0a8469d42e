//! Names to addresses by this host's files and by DNS: what to ask whom, and what an answer says. Sending is the caller's.

mod message;
mod resolver;

pub use message::{Answer, Question, Record};
pub use resolver::Resolver;
