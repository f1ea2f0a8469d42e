//! Who may send, read and administer: fleet keys, denied agents and tokens.
//!
//! Files of keys enter; session keys and checked claims leave. A changed file comes into force without a restart, a bad
//! one never does, and no secret is ever shown in an error or a log line.

mod deny_list;
mod error;
mod fleet_keys;
mod secret_file;
mod watched;

pub use deny_list::DenyList;
pub use error::Error;
pub use fleet_keys::{FleetKeyFile, FleetKeys, OldKeys, Rotated, SETTLE, retires, signing};
pub use secret_file::create_secret_file;
