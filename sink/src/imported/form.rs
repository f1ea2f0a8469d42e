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
//! differences, with a length and bytes in place of the eight.

use super::labels::{Labels, Pair};
use super::running::Difference;
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

/// What cannot be read is no record of this form, or is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable;

const SAMPLES: u8 = 1;
const HISTOGRAMS: u8 = 2;
const DIFFERENCES: u8 = 3;
const WINDOWS: u8 = 4;

/// A record is closed when it has grown past this size; with the series that made it so it is below what a queue takes.
const RECORD_BYTES: usize = 256 << 10;

/// Samples of a series that are told at once.
const TOLD_AT_ONCE: usize = 4_096;

/// Histograms of a series that are told at once; one has some kilobytes at most, mostly some hundred bytes.
const HISTOGRAMS_AT_ONCE: usize = 16;

const MOVED: u8 = 0x10;
const BYTES: u8 = 0x0f;

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

    fn put_stretch(&mut self, time: i64, since: i64) {
        let distance = time.wrapping_sub(self.time);
        put_varint(&mut self.body, (distance << 1 ^ distance >> 63) as u64);
        self.time = time;
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
                let distance = time.wrapping_sub(self.time);
                put_varint(&mut self.body, (distance << 1 ^ distance >> 63) as u64);
                self.time = *time;
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
            put_varint(&mut self.body, (distance << 1 ^ distance >> 63) as u64);
            self.time = time;
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

/// Reads the labels of a record; what is left of `input` are its series.
pub(crate) fn labels<'a>(input: &mut &'a [u8]) -> Result<Vec<&'a str>, Unreadable> {
    labels_of(SAMPLES, input)
}

/// Whether a record has histograms, of which [`histogram_labels`] and [`histogram_series`] read.
pub(crate) fn has_histograms(payload: &[u8]) -> bool {
    payload.first() == Some(&HISTOGRAMS)
}

/// Whether these are of stretches of time, of which [`window`] reads in place of [`histogram`].
pub(crate) fn has_windows(payload: &[u8]) -> bool {
    payload.first() == Some(&WINDOWS)
}

/// Whether a record has differences, of which [`difference_labels`], [`histogram_series`] and [`difference`] read.
pub(crate) fn has_differences(payload: &[u8]) -> bool {
    payload.first() == Some(&DIFFERENCES)
}

/// As [`labels`], for a record of differences.
pub(crate) fn difference_labels<'a>(input: &mut &'a [u8]) -> Result<Vec<&'a str>, Unreadable> {
    labels_of(DIFFERENCES, input)
}

/// Reads a difference and moves on to its time.
pub(crate) fn difference(input: &mut &[u8], time: &mut i64) -> Result<Difference, Unreadable> {
    let since = stretch(input, time)?;
    let (by, rest) = input.split_first_chunk().ok_or(Unreadable)?;
    *input = rest;
    Ok(Difference { time: *time, since, by: f64::from_le_bytes(*by) })
}

/// Reads since when a histogram of a stretch of time is, and its bytes, and moves on to its time.
pub(crate) fn window<'a>(input: &mut &'a [u8], time: &mut i64) -> Result<(i64, &'a [u8]), Unreadable> {
    let since = stretch(input, time)?;
    Ok((since, some_bytes(input)?))
}

fn stretch(input: &mut &[u8], time: &mut i64) -> Result<i64, Unreadable> {
    let distance = varint(input)?;
    *time = time.wrapping_add((distance >> 1) as i64 ^ -((distance & 1) as i64));
    Ok(match varint(input)? {
        0 => 0,
        length => time.wrapping_sub(length as i64),
    })
}

fn some_bytes<'a>(input: &mut &'a [u8]) -> Result<&'a [u8], Unreadable> {
    let length = varint(input)? as usize;
    let (bytes, rest) = input.split_at_checked(length).ok_or(Unreadable)?;
    *input = rest;
    Ok(bytes)
}

/// As [`labels`], for a record of histograms, of stretches of time or not.
pub(crate) fn histogram_labels<'a>(input: &mut &'a [u8]) -> Result<Vec<&'a str>, Unreadable> {
    labels_of(if has_windows(input) { WINDOWS } else { HISTOGRAMS }, input)
}

fn labels_of<'a>(version: u8, input: &mut &'a [u8]) -> Result<Vec<&'a str>, Unreadable> {
    if byte(input)? != version {
        return Err(Unreadable);
    }
    let count = varint(input)? as usize;
    if count > input.len() {
        return Err(Unreadable);
    }
    let text = |_| {
        let length = varint(input)? as usize;
        let (text, rest) = input.split_at_checked(length).ok_or(Unreadable)?;
        *input = rest;
        std::str::from_utf8(text).map_err(|_| Unreadable)
    };
    (0..count).map(text).collect()
}

/// Appends the places of a series' labels, of which there are `known`, and returns its kind and how many samples follow.
pub(crate) fn series(input: &mut &[u8], known: usize, own: &mut Vec<u32>) -> Result<(Kind, usize), Unreadable> {
    own_labels(input, known, own)?;
    let head = varint(input)?;
    let samples = (head >> 1) as usize;
    if samples > input.len() {
        return Err(Unreadable);
    }
    Ok((if head & 1 == 1 { Kind::Counter } else { Kind::Gauge }, samples))
}

fn own_labels(input: &mut &[u8], known: usize, own: &mut Vec<u32>) -> Result<(), Unreadable> {
    let count = varint(input)? as usize;
    if count > input.len() {
        return Err(Unreadable);
    }
    for _ in 0..count {
        let place = varint(input)?;
        if place >= known as u64 {
            return Err(Unreadable);
        }
        own.push(place as u32);
    }
    Ok(())
}

/// Appends the places of a series' labels, and returns how many histograms follow.
pub(crate) fn histogram_series(input: &mut &[u8], known: usize, own: &mut Vec<u32>) -> Result<usize, Unreadable> {
    own_labels(input, known, own)?;
    let count = varint(input)? as usize;
    if count > input.len() { Err(Unreadable) } else { Ok(count) }
}

/// Reads the bytes of a histogram and moves on to its time.
pub(crate) fn histogram<'a>(input: &mut &'a [u8], time: &mut i64) -> Result<&'a [u8], Unreadable> {
    let distance = varint(input)?;
    *time = time.wrapping_add((distance >> 1) as i64 ^ -((distance & 1) as i64));
    some_bytes(input)
}

/// Reads the value of a sample and moves on to its time.
pub(crate) fn sample(input: &mut &[u8], time: &mut i64) -> Result<f64, Unreadable> {
    let head = byte(input)?;
    if head & MOVED != 0 {
        let distance = varint(input)?;
        *time = time.wrapping_add((distance >> 1) as i64 ^ -((distance & 1) as i64));
    }
    let bytes = usize::from(head & BYTES);
    if head & !(MOVED | BYTES) != 0 || bytes > 8 {
        return Err(Unreadable);
    }
    let (value, rest) = input.split_at_checked(bytes).ok_or(Unreadable)?;
    *input = rest;
    let mut whole = [0; 8];
    whole[..bytes].copy_from_slice(value);
    Ok(f64::from_be_bytes(whole))
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn varint(input: &mut &[u8]) -> Result<u64, Unreadable> {
    let (mut value, mut shift) = (0u64, 0);
    loop {
        let byte = byte(input)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
        shift += 7;
        if shift > 63 {
            return Err(Unreadable);
        }
    }
}

fn byte(input: &mut &[u8]) -> Result<u8, Unreadable> {
    let (&byte, rest) = input.split_first().ok_or(Unreadable)?;
    *input = rest;
    Ok(byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imported::labels::series_of;

    type Told = (String, Kind, Vec<(i64, u64)>);

    fn read(record: &[u8]) -> Result<Vec<Told>, Unreadable> {
        let (mut input, mut time, mut all) = (record, 0, Vec::new());
        let texts = labels(&mut input)?;
        while !input.is_empty() {
            let mut own = Vec::new();
            let (kind, count) = series(&mut input, texts.len(), &mut own)?;
            let mut samples = Vec::new();
            for _ in 0..count {
                let value = sample(&mut input, &mut time)?;
                samples.push((time, value.to_bits()));
            }
            all.push((series_of(own.iter().map(|&at| texts[at as usize])).to_string(), kind, samples));
        }
        Ok(all)
    }

    /// Series of one metric with the samples given, one label of which has some bytes.
    fn write(series: &[(String, Vec<(i64, f64)>)]) -> Vec<Vec<u8>> {
        let (mut table, mut writer, mut own) = (Labels::default(), SampleWriter::default(), Vec::new());
        for (value, samples) in series {
            let name = table.find(b"name").unwrap_or_else(|| table.metric(b"name", "x", Kind::Counter));
            let label = table.find(value.as_bytes()).unwrap_or_else(|| table.label(value.as_bytes(), "a", value));
            let kind = table.series(&[name, label], &mut own).unwrap();
            writer.push(&table, &own, kind, samples);
        }
        writer.finish()
    }

    #[test]
    fn samples_come_back_to_the_bit_from_as_many_records_as_they_need() {
        let odd = [0.0, -0.0, 1.0, 5e-324, f64::from_bits(0x7ff0_0000_0000_0002), f64::NEG_INFINITY, 0.1, 1e9];
        let samples = |at: i64| (0..).zip(odd).map(|(n, value)| (at + n * n * 37 % 5 - 9, value)).collect();
        let mut all: Vec<_> = (0..40).map(|at| (format!("{at}-{}", "v".repeat(9_000)), samples(at << 40))).collect();
        all.push(("long".into(), (0..10_000).map(|at| (-at, at as f64)).collect()));
        let records = write(&all);
        assert!(records.len() > 1 && records.iter().all(|record| record.len() < 2 * RECORD_BYTES));
        let mut found: Vec<Told> = Vec::new();
        for told in records.iter().flat_map(|record| read(record).unwrap()) {
            match found.last_mut().filter(|last| last.0 == told.0) {
                Some(last) => last.2.extend(told.2),
                None => found.push(told),
            }
        }
        let expected = all.iter().map(|(value, samples)| {
            let bits = samples.iter().map(|&(time, value)| (time, value.to_bits())).collect();
            (format!("x{{a={value:?}}}"), Kind::Counter, bits)
        });
        assert_eq!(found, expected.collect::<Vec<_>>());
    }

    #[test]
    fn a_cut_or_changed_record_is_unreadable_or_another_and_never_a_panic() {
        let records = write(&[("p".into(), vec![(1, 0.5), (2, 0.7)]), ("q".into(), vec![(2, 3.0)])]);
        let whole = read(&records[0]).unwrap();
        for cut in 0..records[0].len() {
            assert_ne!(read(&records[0][..cut]).as_ref(), Ok(&whole), "{cut}");
        }
        for at in 0..records[0].len() * 8 {
            let mut damaged = records[0].clone();
            damaged[at / 8] ^= 1 << (at % 8);
            let _ = read(&damaged);
        }
    }

    #[test]
    fn a_sample_of_a_known_series_takes_a_few_bytes() {
        let series: Vec<_> = (0..1_000).map(|at| (format!("{}", at % 10), vec![(1_000_000, f64::from(at))])).collect();
        assert!(write(&series)[0].len() < 8 * series.len());
    }
}
