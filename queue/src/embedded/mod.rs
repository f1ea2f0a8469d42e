//! The queue as folders of files: one log per writer, read by whoever shares the root.

mod behind;
mod commit;
mod config;
mod consumers;
mod cursor;
mod lock;
mod log;
mod reader;
mod reserve;
mod segment;
mod state;
mod stats;

pub use behind::Follow;
pub use config::LogConfig;
pub use consumers::retire;
pub(crate) use log::Log;
pub(crate) use reader::Reader;
