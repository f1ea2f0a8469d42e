//! What endpoints answer to those who take protobuf: families of metrics, each behind its length. It is what the text format says,
//! and native histograms besides.

mod family;
mod histogram;
mod spelled;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use weir_sample::Histogram;

use crate::protobuf::Fields;

/// The media type, as Prometheus asks for it.
pub const MEDIA_TYPE: &str = "application/vnd.google.protobuf";

/// What an endpoint said of one series.
#[derive(Debug, PartialEq)]
pub struct Scraped<'a> {
    /// The metric's name, which is legal.
    pub name: Cow<'a, str>,
    /// Labels, whose names are legal; none comes twice.
    pub labels: Vec<(&'a str, Cow<'a, str>)>,
    /// What it has.
    pub value: Said,
}

/// What a series has.
#[derive(Debug, PartialEq)]
pub enum Said {
    /// The value of now.
    Gauge(f64),
    /// The total from the start of the process on.
    Total(f64),
    /// A native histogram, which counts on from the start of the process unless its hint says other.
    Histogram(Box<Histogram>),
}

/// Of a histogram that has native and classic buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Classic {
    /// Only the native ones.
    LeftOut,
    /// Both.
    Kept,
}

/// Calls with every series; returns how many families are malformed. One that is costs what follows in itself, no other.
pub fn parse<'a>(bytes: &'a [u8], classic: Classic, mut each: impl FnMut(Scraped<'a>)) -> u64 {
    let (mut stream, mut malformed) = (Fields(bytes), 0);
    while let Some(message) = stream.delimited() {
        malformed += u64::from(message.and_then(|message| family::read(message, classic, &mut each)).is_err());
    }
    malformed
}
