//! The form in which samples stand in a record: each label once, then series by series which labels and which samples.
//!
//! ```text
//! 0 version 1    1 number of labels    each: length, text (name ␂ value)
//! then, until the end, for each series: number of its labels, each by its place above
//!   kind + 2 × number of its samples, and for each of these a head and what it announces:
//!     bits 0…3: bytes of the value, which are the first of its eight, highest first; the others are zero
//!     bit 4: a distance in ms from the sample before follows, zigzag; without it the time is the same
//! ```
//! Numbers are varints. Floats that are integers or have few binary places take two to four bytes. Records of histograms are of
//! version 2: for each series the number of its labels and their places, the number of its histograms, and for each of these a
//! distance in ms from the one before, zigzag, its length and its bytes. Records of differences are of version 3: for each series the number of its
//! labels and their places, the number of its differences, and for each of these a distance in ns from the one before, zigzag, since how many ns
//! before its end it is (0: it does not say), and its eight bytes. Records of version 4 have histograms of stretches of time: as
//! differences, with a length and bytes in place of the eight. Records of version 5 have exemplars: as histograms, with
//! the bytes of a value and of labels.

use super::labels::{Labels, Pair};
use weir_sample::Kind;

/// Puts samples into records.
pub struct SampleWriter {
    version: u8,
    done: Vec<Vec<u8>>,
    texts: Vec<u8>,
    body: Vec<u8>,
    /// Labels told in the record that is open.
    told: u32,
    /// By label, the record that tells it and its place there.
    places: Vec<(u32, u32)>,
    time: i64,
}

pub(crate) const SAMPLES: u8 = 1;
pub(super) const HISTOGRAMS: u8 = 2;
pub(super) const DIFFERENCES: u8 = 3;
pub(super) const WINDOWS: u8 = 4;
pub(crate) const EXEMPLARS: u8 = 5;

/// A record is closed when it has grown past this size; with the series that made it so it is below what a queue takes.
pub(super) const RECORD_BYTES: usize = 256 << 10;

/// Samples of a series that are told at once.
const TOLD_AT_ONCE: usize = 4_096;

/// Histograms of a series that are told at once; one has some kilobytes at most, mostly some hundred bytes.
const HISTOGRAMS_AT_ONCE: usize = 16;

pub(crate) const MOVED: u8 = 0x10;
pub(crate) const BYTES: u8 = 0x0f;

impl Default for SampleWriter {
    fn default() -> Self {
        Self::of(SAMPLES)
    }
}

impl SampleWriter {
    fn of(version: u8) -> Self {
        let (done, texts, body, told, places, time) = Default::default();
        Self { version, done, texts, body, told, places, time }
    }

    /// One that takes histograms, which have records of their own.
    pub fn of_histograms() -> Self {
        Self::of(HISTOGRAMS)
    }

    /// One that takes exemplars by [`SampleWriter::push_histograms`], with bytes of [`exemplar_bytes`](super::exemplar_bytes). They have
    /// records of their own.
    pub fn of_exemplars() -> Self {
        Self::of(EXEMPLARS)
    }

    /// One that takes differences, which have records of their own.
    pub fn of_differences() -> Self {
        Self::of(DIFFERENCES)
    }

    /// One that takes histograms of stretches of time, which have records of their own.
    pub fn of_windows() -> Self {
        Self::of(WINDOWS)
    }

    /// Adds histograms of a series: until when and since when each was observed, in nanoseconds (zero: it does not say), and its bytes.
    pub fn push_windows(&mut self, labels: &Labels<'_>, own: &[Pair], windows: &[(i64, i64, Vec<u8>)]) {
        for windows in windows.chunks(HISTOGRAMS_AT_ONCE) {
            self.put_labels(labels, own);
            put_varint(&mut self.body, windows.len() as u64);
            for (time, since, bytes) in windows {
                self.put_stretch(*time, *since);
                put_varint(&mut self.body, bytes.len() as u64);
                self.body.extend_from_slice(bytes);
            }
            if self.texts.len() + self.body.len() >= RECORD_BYTES {
                self.close();
            }
        }
    }

    /// A distance from the time before.
    fn put_time(&mut self, time: i64) {
        let distance = time.wrapping_sub(self.time);
        put_varint(&mut self.body, (distance << 1 ^ distance >> 63) as u64);
        self.time = time;
    }

    fn put_stretch(&mut self, time: i64, since: i64) {
        self.put_time(time);
        put_varint(&mut self.body, if since > 0 { time.saturating_sub(since).max(0) as u64 } else { 0 });
    }

    /// Adds differences of a series: until when and since when each is, in nanoseconds (zero: it does not say), and how much.
    pub fn push_differences(&mut self, labels: &Labels<'_>, own: &[Pair], differences: &[(i64, i64, f64)]) {
        for differences in differences.chunks(TOLD_AT_ONCE) {
            self.put_labels(labels, own);
            put_varint(&mut self.body, differences.len() as u64);
            for &(time, since, by) in differences {
                self.put_stretch(time, since);
                self.body.extend_from_slice(&by.to_le_bytes());
            }
            if self.texts.len() + self.body.len() >= RECORD_BYTES {
                self.close();
            }
        }
    }

    /// Adds histograms, of milliseconds and bytes, of a series: its labels as [`Labels::series`] gave them.
    pub fn push_histograms(&mut self, labels: &Labels<'_>, own: &[Pair], histograms: &[(i64, Vec<u8>)]) {
        for histograms in histograms.chunks(HISTOGRAMS_AT_ONCE) {
            self.put_labels(labels, own);
            put_varint(&mut self.body, histograms.len() as u64);
            for (time, bytes) in histograms {
                self.put_time(*time);
                put_varint(&mut self.body, bytes.len() as u64);
                self.body.extend_from_slice(bytes);
            }
            if self.texts.len() + self.body.len() >= RECORD_BYTES {
                self.close();
            }
        }
    }

    /// Adds samples, of milliseconds and values, of a series: its labels as [`Labels::series`] gave them.
    pub fn push(&mut self, labels: &Labels<'_>, own: &[Pair], kind: Kind, samples: &[(i64, f64)]) {
        for samples in samples.chunks(TOLD_AT_ONCE) {
            self.put_labels(labels, own);
            put_varint(&mut self.body, u64::from(kind == Kind::Counter) | (samples.len() as u64) << 1);
            for &(time, value) in samples {
                self.put_sample(time, value);
            }
            if self.texts.len() + self.body.len() >= RECORD_BYTES {
                self.close();
            }
        }
    }

    fn put_labels(&mut self, labels: &Labels<'_>, own: &[Pair]) {
        put_varint(&mut self.body, own.len() as u64);
        for &pair in own {
            let place = self.place(labels, pair);
            put_varint(&mut self.body, place.into());
        }
    }

    /// The payloads of the records.
    pub fn finish(mut self) -> Vec<Vec<u8>> {
        if !self.body.is_empty() {
            self.close();
        }
        self.done
    }

    fn place(&mut self, labels: &Labels<'_>, pair: Pair) -> u32 {
        if self.places.len() <= pair.at() {
            self.places.resize(labels.len(), (u32::MAX, 0));
        }
        let record = self.done.len() as u32;
        let (told_in, place) = self.places[pair.at()];
        if told_in == record {
            return place;
        }
        let text = labels.text(pair);
        put_varint(&mut self.texts, text.len() as u64);
        self.texts.extend_from_slice(text.as_bytes());
        let place = self.told;
        self.told += 1;
        self.places[pair.at()] = (record, place);
        place
    }

    fn put_sample(&mut self, time: i64, value: f64) {
        let bits = value.to_bits();
        let bytes = 8 - bits.trailing_zeros() as usize / 8;
        let distance = time.wrapping_sub(self.time);
        self.body.push(bytes as u8 | if distance == 0 { 0 } else { MOVED });
        if distance != 0 {
            self.put_time(time);
        }
        self.body.extend_from_slice(&bits.to_be_bytes()[..bytes]);
    }

    fn close(&mut self) {
        let mut record = Vec::with_capacity(self.texts.len() + self.body.len() + 8);
        record.push(self.version);
        put_varint(&mut record, self.told.into());
        record.extend_from_slice(&self.texts);
        record.extend_from_slice(&self.body);
        self.done.push(record);
        self.texts.clear();
        self.body.clear();
        (self.told, self.time) = (0, 0);
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
