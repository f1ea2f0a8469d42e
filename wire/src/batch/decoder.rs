//! Payload to batch, quickly where the layout is known.

use weir_sample::{Kind, Value};
use xxhash_rust::xxh3::xxh3_64;

use super::packing::Unpacker;
use super::{Batch, BatchHead, Layout, Totals, Values, floats, keys, rich, window};
use crate::DecodeError;
use crate::bytes::Input;

/// Reads payloads; keeps its context and buffer from one to the next.
pub struct Decoder {
    unpacker: Unpacker,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder.
    pub fn new() -> Self {
        Self { unpacker: Unpacker::new() }
    }

    /// Reads what stands in front, without unpacking.
    pub fn head<'a>(&self, payload: &'a [u8]) -> Result<BatchHead<'a>, DecodeError> {
        let mut input = Input(payload);
        let window = window::read(&mut input)?;
        let totals = Totals::read(&mut input)?;
        let length = input.count()?;
        let keys = input.bytes(length)?;
        Ok(BatchHead { window, totals, layout_id: xxh3_64(keys), keys, values: input.0 })
    }

    /// Unpacks a section.
    pub(super) fn section<'a>(&'a mut self, section: &'a [u8]) -> Result<&'a [u8], DecodeError> {
        self.unpacker.unpack(section)
    }

    /// Unpacks the key section; only needed for a layout that was not seen before.
    pub fn layout(&mut self, head: &BatchHead<'_>) -> Result<Layout, DecodeError> {
        let (series, kinds) = keys::read(self.unpacker.unpack(head.keys)?)?;
        Ok(Layout { id: head.layout_id, series, kinds })
    }

    /// Reads the values of a layout with these kinds.
    pub fn values(&mut self, head: &BatchHead<'_>, kinds: &[Kind], out: &mut Values) -> Result<(), DecodeError> {
        out.floats.clear();
        out.rich.clear();
        let mut input = Input(self.unpacker.unpack(head.values)?);
        let tags = input.bytes(kinds.len().div_ceil(2))?;
        let tag_of = |at: usize| tags[at / 2] >> (4 * (at % 2)) & 0x0F;
        for (at, kind) in kinds.iter().enumerate() {
            let tag = tag_of(at);
            let is_float = matches!(kind, Kind::Counter | Kind::Gauge);
            if is_float == floats::is_rich(tag) {
                return Err(DecodeError::Malformed("value tag"));
            }
            out.floats.push(if is_float { floats::read(tag, &mut input)? } else { f64::NAN });
        }
        for (at, kind) in kinds.iter().enumerate() {
            match kind {
                Kind::Counter | Kind::Gauge => {}
                Kind::Distribution => {
                    let is_old = tag_of(at) == floats::RICH;
                    let histogram =
                        if is_old { rich::read_old_histogram(&mut input)? } else { rich::read_histogram(&mut input)? };
                    out.rich.push((at, Value::Distribution(Box::new(histogram))));
                }
                Kind::Set => out.rich.push((at, Value::Set(Box::new(rich::read_set(&mut input)?)))),
            }
        }
        if input.0.is_empty() { Ok(()) } else { Err(DecodeError::Malformed("value section")) }
    }
}

/// The whole batch at once, for those who read few of them.
pub fn decode(payload: &[u8]) -> Result<Batch, DecodeError> {
    let mut decoder = Decoder::new();
    let head = decoder.head(payload)?;
    let layout = decoder.layout(&head)?;
    let mut values = Values::default();
    decoder.values(&head, &layout.kinds, &mut values)?;
    let mut rich = values.rich.into_iter();
    let value = |(at, kind): (usize, &Kind)| match kind {
        Kind::Counter => Value::Counter(values.floats[at]),
        Kind::Gauge => Value::Gauge(values.floats[at]),
        _ => rich.next().map(|(_, value)| value).expect("one rich value was read for every rich kind"),
    };
    let points = layout.series.into_iter().zip(layout.kinds.iter().enumerate().map(value)).collect();
    Ok(Batch { window: head.window, totals: head.totals, points })
}
