//! Reads the records that [`super::form`] describes and writes.

use weir_sample::Kind;

use super::form::{BYTES, DIFFERENCES, EXEMPLARS, HISTOGRAMS, MOVED, SAMPLES, WINDOWS};
use super::running::Difference;

/// What cannot be read is no record of this form, or is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable;

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

/// Whether a record has exemplars, of which [`exemplar_labels`], [`histogram_series`] and [`histogram`] read.
pub(crate) fn has_exemplars(payload: &[u8]) -> bool {
    payload.first() == Some(&EXEMPLARS)
}

/// As [`labels`], for a record of exemplars.
pub(crate) fn exemplar_labels<'a>(input: &mut &'a [u8]) -> Result<Vec<&'a str>, Unreadable> {
    labels_of(EXEMPLARS, input)
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
    move_on(input, time)?;
    Ok(match varint(input)? {
        0 => 0,
        length => time.wrapping_sub(length as i64),
    })
}

/// Reads a distance from the time before.
fn move_on(input: &mut &[u8], time: &mut i64) -> Result<(), Unreadable> {
    let distance = varint(input)?;
    *time = time.wrapping_add((distance >> 1) as i64 ^ -((distance & 1) as i64));
    Ok(())
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
    move_on(input, time)?;
    some_bytes(input)
}

/// Reads the value of a sample and moves on to its time.
pub(crate) fn sample(input: &mut &[u8], time: &mut i64) -> Result<f64, Unreadable> {
    let head = byte(input)?;
    if head & MOVED != 0 {
        move_on(input, time)?;
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
    use crate::imported::form::{RECORD_BYTES, SampleWriter};
    use crate::imported::labels::{Labels, series_of};

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
