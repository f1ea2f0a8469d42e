//! The bytes of a request, as each kind of backend wants them.

mod body;
mod click_house;
mod influx;
mod otlp;
mod remote_write;

pub(crate) use body::Body;

use crate::config::Format;
use crate::request::Item;

/// What is spoken now: remote write 2.0 gives way to 1.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoken {
    RemoteWrite2,
    RemoteWrite1,
    Influx,
    ClickHouse,
    Otlp,
}

impl From<Format> for Spoken {
    fn from(format: Format) -> Self {
        match format {
            Format::RemoteWrite => Self::RemoteWrite2,
            Format::RemoteWrite1 => Self::RemoteWrite1,
            Format::Influx => Self::Influx,
            Format::ClickHouse => Self::ClickHouse,
            Format::Otlp => Self::Otlp,
        }
    }
}

impl Spoken {
    pub(crate) fn body(self, items: &[Item]) -> Body {
        match self {
            Self::RemoteWrite2 => remote_write::second(items),
            Self::RemoteWrite1 => remote_write::first(items),
            Self::Influx => influx::lines(items),
            Self::ClickHouse => click_house::rows(items),
            Self::Otlp => otlp::request(items),
        }
    }
}
