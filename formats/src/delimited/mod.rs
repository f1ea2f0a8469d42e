//! What endpoints answer to those who take protobuf, read and written: families of metrics, each behind its length. It is what the
//! text format says, and native histograms besides.

mod bounds;
mod described;
mod exemplar;
mod family;
mod histogram;
mod label;
mod scraped;
mod spelled;
#[cfg(test)]
mod tests;
mod written;

pub use bounds::Parted;
pub use described::describe;
pub use scraped::{Forms, Said, Scraped};
pub use spelled::spelled;
pub use written::{Exposed, Number, classic, write};

use crate::protobuf::Fields;

/// The media type, as Prometheus asks for it.
pub const MEDIA_TYPE: &str = "application/vnd.google.protobuf";

/// The same in full, as it is asked for.
pub const FULL_MEDIA_TYPE: &str =
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

/// Calls with every series; returns how many families are malformed. One that is costs what follows in itself, no other.
pub fn parse<'a>(bytes: &'a [u8], forms: Forms, mut each: impl FnMut(Scraped<'a>)) -> u64 {
    let (mut stream, mut malformed) = (Fields(bytes), 0);
    while let Some(message) = stream.delimited() {
        malformed += u64::from(message.and_then(|message| family::read(message, forms, &mut each)).is_err());
    }
    malformed
}
