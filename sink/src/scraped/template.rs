//! What the looks at a target have in common for as long as it has the same series: all of a record but its values. With it a
//! look costs neither labels nor series.

use weir_sample::{Kind, Series};

use super::form::{Scrape, TooLarge, pack, parts, unpack};
use crate::imported::form::{BYTES, MOVED, SAMPLES};
use crate::imported::labels::series_of;

/// A record without its values.
#[derive(Debug)]
pub struct ScrapeTemplate {
    /// Version, and all labels.
    head: Box<[u8]>,
    /// For each series its labels by their places, and its kind.
    series: Box<[u8]>,
    /// Where each of these ends.
    ends: Box<[u32]>,
}

impl ScrapeTemplate {
    /// What a payload of [`super::ScrapeWriter`] has beside its values; none if it has several parts, or a sample that is not of its own time.
    pub fn of(payload: &[u8]) -> Option<Self> {
        let (scrape, packed) = Scrape::read(payload)?;
        let plain = unpack(packed)?;
        let mut parts = parts(&plain);
        let part = parts.next().filter(|part| part.first() == Some(&SAMPLES))?;
        if parts.next().is_some() {
            return None;
        }
        let mut at = 1;
        for _ in 0..varint(part, &mut at)? {
            at += varint(part, &mut at)? as usize;
        }
        let head = part.get(..at)?.into();
        let (mut series, mut ends, mut time) = (Vec::new(), Vec::new(), 0);
        while at < part.len() {
            let from = at;
            for _ in 0..varint(part, &mut at)? {
                varint(part, &mut at)?;
            }
            let samples = varint(part, &mut at)? >> 1;
            series.extend_from_slice(part.get(from..at)?);
            ends.push(series.len() as u32);
            let sample = *part.get(at)?;
            at += 1;
            if sample & MOVED != 0 {
                let distance = varint(part, &mut at)?;
                time += (distance >> 1) as i64 ^ -((distance & 1) as i64);
            }
            at += usize::from(sample & BYTES);
            if samples != 1 || time != scrape.time.millis() {
                return None;
            }
        }
        Some(Self { head, series: series.into(), ends: ends.into() })
    }

    /// Number of its series.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The payload with these values, one for each series in its order.
    ///
    /// # Errors
    /// It would be larger than a queue takes.
    pub fn write(&self, scrape: Scrape, values: impl Iterator<Item = f64>) -> Result<Vec<u8>, TooLarge> {
        let mut plain = Vec::with_capacity(4 + self.head.len() + self.series.len() + 9 * self.ends.len() + 10);
        plain.extend_from_slice(&[0; 4]);
        plain.extend_from_slice(&self.head);
        let (mut from, mut is_first) = (0, true);
        for (end, value) in self.ends.iter().zip(values) {
            plain.extend_from_slice(&self.series[from..*end as usize]);
            from = *end as usize;
            let bits = value.to_bits();
            let bytes = 8 - bits.trailing_zeros() as usize / 8;
            plain.push(bytes as u8 | if is_first { MOVED } else { 0 });
            if std::mem::take(&mut is_first) {
                let time = scrape.time.millis();
                put_varint(&mut plain, (time << 1 ^ time >> 63) as u64);
            }
            plain.extend_from_slice(&bits.to_be_bytes()[..bytes]);
        }
        let length = plain.len() as u32 - 4;
        plain[..4].copy_from_slice(&length.to_le_bytes());
        pack(scrape, &plain)
    }

    /// Its series.
    pub fn series(&self) -> Vec<(Series, Kind)> {
        let (mut texts, mut at) = (Vec::new(), 1);
        for _ in 0..varint(&self.head, &mut at).unwrap_or(0) {
            let length = varint(&self.head, &mut at).unwrap_or(0) as usize;
            let text = self.head.get(at..at + length).and_then(|text| std::str::from_utf8(text).ok());
            texts.push(text.unwrap_or_default());
            at += length;
        }
        let (mut all, mut at) = (Vec::with_capacity(self.ends.len()), 0);
        for end in &self.ends {
            let mut next = || varint(&self.series, &mut at).unwrap_or(0);
            let places: Vec<usize> = (0..next()).map(|_| next() as usize).collect();
            let kind = if next() & 1 == 1 { Kind::Counter } else { Kind::Gauge };
            let own = places.iter().filter_map(|place| texts.get(*place).copied());
            all.push((series_of(own), kind));
            at = *end as usize;
        }
        all
    }
}

fn varint(from: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *from.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use weir_sample::Timestamp;

    use super::*;
    use crate::imported::labels::Labels;
    use crate::scraped::{Outcome, ScrapeWriter};

    fn scrape(seconds: i64) -> Scrape {
        Scrape { time: Timestamp(seconds * 1_000), interval_ms: 1_000, outcome: Outcome::Seen }
    }

    fn written(scrape: Scrape, values: &[f64], moved_by: i64) -> Vec<u8> {
        let (mut labels, mut writer, mut own) = (Labels::default(), ScrapeWriter::default(), Vec::new());
        let kinds = [Kind::Counter, Kind::Gauge];
        let names = ["a_total", "b"].map(String::from);
        let texts: Vec<String> = (0..values.len()).map(|at| at.to_string()).collect();
        for (at, value) in values.iter().enumerate() {
            let known = labels.find(names[at % 2].as_bytes());
            let name = known.unwrap_or_else(|| labels.metric(names[at % 2].as_bytes(), &names[at % 2], kinds[at % 2]));
            let label = labels.label(texts[at].as_bytes(), "at", &texts[at]);
            let kind = labels.series(&[name, label], &mut own).unwrap();
            let time = scrape.time.millis() + if at == 1 { moved_by } else { 0 };
            writer.push(&labels, &own, kind, (time, *value));
        }
        writer.finish(scrape).unwrap()
    }

    #[test]
    fn what_a_template_writes_is_what_a_writer_writes() {
        let (before, after) = ([1.0, f64::NAN, 0.5, 1e300], [2.0, -7.25, f64::INFINITY, 0.0]);
        let template = ScrapeTemplate::of(&written(scrape(100), &before, 0)).unwrap();
        assert_eq!(template.write(scrape(160), after.into_iter()).unwrap(), written(scrape(160), &after, 0));
        let series: Vec<_> = template.series().into_iter().map(|(series, kind)| (series.to_string(), kind)).collect();
        assert_eq!(template.len(), 4);
        assert_eq!(series[3], ("b{at=\"3\"}".to_owned(), Kind::Gauge));
        assert_eq!(series[2], ("a_total{at=\"2\"}".to_owned(), Kind::Counter));
    }

    #[test]
    fn samples_with_a_time_of_their_own_have_no_template() {
        assert!(ScrapeTemplate::of(&written(scrape(100), &[1.0, 2.0, 3.0], -5)).is_none());
        assert!(ScrapeTemplate::of(&[]).is_none());
        let payload = written(scrape(100), &[1.0], 0);
        assert!((0..payload.len()).all(|cut| ScrapeTemplate::of(&payload[..cut]).is_none()));
    }
}
