//! One agent's points for one window, as bytes.
//!
//! ```text
//! window end (varint, ms) · interval (varint, ms) · totals (8 varints)
//! key section:   stored length · packing (0 plain, 1 zstd) · plain length if packed · common labels · series by
//!                shape, their label values as columns (see `keys`)
//! value section: packing · plain length if packed · tags, two a byte · digits of floats · histograms and sets
//! ```
//! The key section does not change while an agent's set of series does not: the hash of its stored bytes is the layout
//! id, and a receiver that has seen it maps values to series by position. Events may stand in the place of points (see `events`).

mod decoder;
mod encoder;
mod events;
mod floats;
mod keys;
mod packing;
mod rich;
#[cfg(test)]
mod tests;
mod totals;
mod window;

use weir_sample::{Kind, Series, Value, Window};

pub use decoder::{Decoder, decode};
pub use encoder::{Encoder, PackedLayout};
pub use events::{put_event, read_event};
pub use packing::DICTIONARY_ID;
pub use totals::Totals;
pub use window::{moved_back, window_of};

/// One agent's points for one window, or a part of them that fits a datagram.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The window that the points aggregate.
    pub window: Window,
    /// The agent's own account so far.
    pub totals: Totals,
    /// Each series at most once.
    pub points: Vec<(Series, Value)>,
}

/// What can be read of a batch without unpacking anything.
#[derive(Clone, Copy, Debug)]
pub struct BatchHead<'a> {
    /// The window.
    pub window: Window,
    /// The agent's own account.
    pub totals: Totals,
    /// Hash of the key section as sent.
    pub layout_id: u64,
    pub(crate) keys: &'a [u8],
    pub(crate) values: &'a [u8],
}

/// Which series stand at which position.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// Hash of the key section as sent.
    pub id: u64,
    /// Series by position, in order of their keys.
    pub series: Vec<Series>,
    /// Kinds by position.
    pub kinds: Vec<Kind>,
}

/// The values of a batch by position. Reused from batch to batch.
#[derive(Clone, Debug, Default)]
pub struct Values {
    /// One per position; NaN where the value is not a float.
    pub floats: Vec<f64>,
    /// Distributions and sets with their positions, in order.
    pub rich: Vec<(usize, Value)>,
}
