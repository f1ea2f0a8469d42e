//! From an alert to a person: events enter with the time, requests to channels leave, what became of them comes back.
//!
//! `core/` is told the time and has no sockets; `keep/` is its file; `message/` makes requests; `send/` carries them out.

mod core;
mod held;
mod ident;
mod keep;
mod message;
mod quiet;
mod send;

pub use core::{AlertView, ChannelStatus, GroupView, Job, NewSilence, Notifier, Outcome, Settings, SilenceRefused};
pub use keep::{DeadLetter, Error, Reason, Sent};
pub use message::{Auth, Codes, HttpRequest, Mail, Request, Source, TemplateFault, load_templates, template_files};
pub use send::{Handle, Health, Runner, Sender, Unavailable};
