//! Batch to payloads.

use weir_sample::{Kind, Series, Value, Window};

use super::packing::Packer;
use super::{Batch, Totals, floats, keys, rich};
use crate::bytes::put_varint;
use crate::decode_error::MAX_PLAIN_BYTES;

/// Level of the key section, packed once per layout, and of the values, packed every time.
const KEY_LEVEL: i32 = 19;
const VALUE_LEVEL: i32 = 3;
/// Level of key sections that travel no further than the queue.
const QUICK_KEY_LEVEL: i32 = 3;

/// No batch is packed better than this against its series' plain keys: trying would cost more than it can bring.
const BEST_RATIO: usize = 32;
/// As many points as fill the slices that [`MAX_LAYOUTS`] stand for.
const CROWDED_POINTS: usize = 64 * MAX_LAYOUTS;

/// Layouts whose key section is kept. Slices of one batch have one each.
const MAX_LAYOUTS: usize = 32;

/// Turns batches into payloads that fit; keeps contexts and key sections from one to the next.
pub struct Encoder {
    max_layouts: usize,
    key_level: i32,
    /// Whether the batch has more slices than layouts are kept, so that most are packed anew every time.
    crowded: bool,
    /// Half a MiB at the higher level, so an encoder that is done with a batch gives it back; layouts seldom change.
    key_packer: Option<(i32, Packer)>,
    value_packer: Packer,
    known: Vec<KeySection>,
    plain: Vec<u8>,
    digits: Vec<u8>,
}

struct KeySection {
    layout: Vec<(Series, Kind)>,
    stored: Vec<u8>,
}

/// The packed key section of a layout that its sender keeps, for [`Encoder::encode_row`].
#[derive(Clone, Debug)]
pub struct PackedLayout {
    stored: Box<[u8]>,
    width: usize,
}

impl PackedLayout {
    /// Values in a row.
    pub fn width(&self) -> usize {
        self.width
    }
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Encoder {
    /// An encoder that knows no layout yet.
    pub fn new() -> Self {
        Self::with(MAX_LAYOUTS, KEY_LEVEL)
    }

    /// An encoder for batches that go straight into the queue: keys are packed quickly rather than tightly, and more
    /// layouts are remembered.
    pub fn quick(max_layouts: usize) -> Self {
        Self::with(max_layouts.max(1), QUICK_KEY_LEVEL)
    }

    fn with(max_layouts: usize, key_level: i32) -> Self {
        Self {
            max_layouts,
            key_level,
            crowded: false,
            key_packer: None,
            value_packer: Packer::new(VALUE_LEVEL),
            known: Vec::new(),
            plain: Vec::new(),
            digits: Vec::new(),
        }
    }

    /// The batch as payloads of at most `max_bytes` each, several if one cannot hold it. A point that fits none, because
    /// its labels alone are too long, is left out and counted in the second result.
    pub fn encode(&mut self, batch: &Batch, max_bytes: usize) -> (Vec<Vec<u8>>, usize) {
        let mut points: Vec<&(Series, Value)> = batch.points.iter().collect();
        points.sort_by(|a, b| a.0.cmp(&b.0));
        let (mut payloads, mut left_out) = (Vec::new(), 0);
        self.crowded = points.len() > CROWDED_POINTS;
        self.encode_slice(batch, &points, max_bytes, &mut payloads, &mut left_out);
        if self.key_level != QUICK_KEY_LEVEL {
            self.key_packer = None;
        }
        (payloads, left_out)
    }

    /// Packs the keys of counters and gauges once, for a sender whose series stay the same. `None` if the series are
    /// not in strict order, or one of them is of another kind.
    pub fn pack_layout(&mut self, columns: &[(Series, Kind)]) -> Option<PackedLayout> {
        let plain = columns.iter().all(|(_, kind)| matches!(kind, Kind::Counter | Kind::Gauge));
        if !plain || !columns.is_sorted_by(|a, b| a.0 < b.0) {
            return None;
        }
        self.plain.clear();
        if !keys::put(&mut self.plain, columns.iter().map(|(series, kind)| (series, *kind))) {
            return None;
        }
        let mut stored = Vec::new();
        self.pack_keys(&mut stored);
        Some(PackedLayout { stored: stored.into(), width: columns.len() })
    }

    /// One batch of a packed layout, a value per column. It is one payload, however long.
    ///
    /// # Panics
    /// If there are not as many values as columns.
    pub fn encode_row(&mut self, layout: &PackedLayout, window: Window, totals: &Totals, row: &[f64]) -> Vec<u8> {
        assert_eq!(layout.width, row.len(), "a row has a value per column");
        let mut out = Vec::with_capacity(1_200);
        put_head(&mut out, window, totals, &layout.stored);
        self.plain.clear();
        self.digits.clear();
        self.plain.resize(row.len().div_ceil(2), 0);
        for (at, value) in row.iter().enumerate() {
            self.plain[at / 2] |= floats::put(&mut self.digits, *value) << (4 * (at % 2));
        }
        self.plain.extend_from_slice(&self.digits);
        self.value_packer.put(&mut out, &self.plain);
        out
    }

    /// The key and value sections as they are before packing: what a dictionary is trained on.
    pub fn plain_sections(&mut self, batch: &Batch) -> [Vec<u8>; 2] {
        let mut points: Vec<&(Series, Value)> = batch.points.iter().collect();
        points.sort_by(|a, b| a.0.cmp(&b.0));
        let mut plain_keys = Vec::new();
        keys::put(&mut plain_keys, points.iter().map(|(series, value)| (series, value.kind())));
        self.plain_values(&points);
        [plain_keys, self.plain.clone()]
    }

    fn encode_slice(
        &mut self,
        batch: &Batch,
        points: &[&(Series, Value)],
        max_bytes: usize,
        payloads: &mut Vec<Vec<u8>>,
        left_out: &mut usize,
    ) {
        let names: usize = points.iter().map(|(series, _)| series.key().len()).sum();
        let hopeless = points.len() > 1 && names / BEST_RATIO > max_bytes;
        if !hopeless && let Some(payload) = self.payload(batch, points).filter(|payload| payload.len() <= max_bytes) {
            return payloads.push(payload);
        }
        if points.len() > 1 {
            let (low, high) = points.split_at(points.len() / 2);
            self.encode_slice(batch, low, max_bytes, payloads, left_out);
            return self.encode_slice(batch, high, max_bytes, payloads, left_out);
        }
        let Some((series, Value::Distribution(histogram))) = points.first() else {
            return *left_out += points.len();
        };
        let Some(halves) = histogram.halves() else {
            return *left_out += 1;
        };
        for half in halves {
            let point = (series.clone(), Value::Distribution(Box::new(half)));
            self.encode_slice(batch, &[&point], max_bytes, payloads, left_out);
        }
    }

    /// `None` if these are more than a receiver takes in one batch.
    fn payload(&mut self, batch: &Batch, points: &[&(Series, Value)]) -> Option<Vec<u8>> {
        if points.len() > keys::MAX_SERIES {
            return None;
        }
        let mut out = Vec::with_capacity(1_200);
        let at = self.key_section(points)?;
        put_head(&mut out, batch.window, &batch.totals, &self.known[at].stored);
        self.plain_values(points);
        self.value_packer.put(&mut out, &self.plain);
        (self.plain.len() <= MAX_PLAIN_BYTES).then_some(out)
    }

    /// Finds or packs the key section of these points, most recently used first.
    fn key_section(&mut self, points: &[&(Series, Value)]) -> Option<usize> {
        let same = |known: &KeySection| {
            known.layout.len() == points.len()
                && known.layout.iter().zip(points).all(|((s, k), (series, value))| s == series && *k == value.kind())
        };
        if let Some(at) = self.known.iter().position(same) {
            self.known[..=at].rotate_right(1);
            return Some(0);
        }
        let layout: Vec<_> = points.iter().map(|(series, value)| (series.clone(), value.kind())).collect();
        self.plain.clear();
        let complete = keys::put(&mut self.plain, layout.iter().map(|(series, kind)| (series, *kind)));
        let unfolded: usize = layout.iter().map(|(series, _)| series.key().len()).sum();
        if !complete || self.plain.len() > MAX_PLAIN_BYTES || unfolded > keys::MAX_KEY_BYTES {
            return None;
        }
        let mut stored = Vec::new();
        self.pack_keys(&mut stored);
        self.known.truncate(self.max_layouts - 1);
        self.known.insert(0, KeySection { layout, stored });
        Some(0)
    }

    /// Packs the plain keys.
    fn pack_keys(&mut self, stored: &mut Vec<u8>) {
        let level = if self.crowded { QUICK_KEY_LEVEL } else { self.key_level };
        let packer = match self.key_packer.take() {
            Some((held, packer)) if held == level => packer,
            _ => Packer::new(level),
        };
        let (_, packer) = self.key_packer.insert((level, packer));
        packer.put(stored, &self.plain);
    }

    /// Appends a section, packed as values are.
    pub(super) fn put_section(&mut self, out: &mut Vec<u8>, plain: &[u8]) {
        self.value_packer.put(out, plain);
    }

    fn plain_values(&mut self, points: &[&(Series, Value)]) {
        self.plain.clear();
        self.digits.clear();
        self.plain.resize(points.len().div_ceil(2), 0);
        for (at, (_, value)) in points.iter().enumerate() {
            let tag = match value {
                Value::Counter(float) | Value::Gauge(float) => floats::put(&mut self.digits, *float),
                Value::Distribution(_) => floats::HISTOGRAM,
                Value::Set(_) => floats::RICH,
            };
            self.plain[at / 2] |= tag << (4 * (at % 2));
        }
        self.plain.extend_from_slice(&self.digits);
        points.iter().for_each(|(_, value)| rich::put_value(&mut self.plain, value));
    }
}

/// Everything before the value section.
pub(super) fn put_head(out: &mut Vec<u8>, window: Window, totals: &Totals, keys: &[u8]) {
    put_varint(out, window.end().millis() as u64);
    put_varint(out, window.interval().as_millis() as u64);
    totals.put(out);
    put_varint(out, keys.len() as u64);
    out.extend_from_slice(keys);
}
