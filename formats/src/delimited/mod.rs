//! What endpoints answer to those who take protobuf: families of metrics, each behind its length. It is what the text format says,
//! and native histograms besides.

mod family;
mod histogram;
mod scraped;
mod spelled;
#[cfg(test)]
mod tests;

pub use scraped::{Classic, Said, Scraped};

use crate::protobuf::Fields;

/// The media type, as Prometheus asks for it.
pub const MEDIA_TYPE: &str = "application/vnd.google.protobuf";

/// Calls with every series; returns how many families are malformed. One that is costs what follows in itself, no other.
pub fn parse<'a>(bytes: &'a [u8], classic: Classic, mut each: impl FnMut(Scraped<'a>)) -> u64 {
    let (mut stream, mut malformed) = (Fields(bytes), 0);
    while let Some(message) = stream.delimited() {
        malformed += u64::from(message.and_then(|message| family::read(message, classic, &mut each)).is_err());
    }
    malformed
}
