//! The form in which a look at a target travels: when it was due, how it went, and its samples in the form of
//! [`SampleWriter`], packed.
//!
//! ```text
//! 0 version 1   1 outcome   2 time in ms i64   10 interval in ms u32   14 bytes of what follows unpacked u32
//! 18 zstd: for each part its length u32 and its bytes                                      (little-endian)
//! ```

use std::cell::RefCell;

use weir_queue::MAX_PAYLOAD_BYTES;
use weir_sample::{Kind, Timestamp};
use zstd::bulk::Compressor;

use crate::imported::form::SampleWriter;
use crate::imported::labels::{Labels, Pair};

/// Which window of a target a record is about, and how the look went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scrape {
    /// When the look was due, which is the time of its samples: the same for every collector.
    pub time: Timestamp,
    /// Time from one look to the next.
    pub interval_ms: u32,
    /// How it went.
    pub outcome: Outcome,
}

/// How a look went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The target answered.
    Seen,
    /// It did not, or not with metrics.
    Failed,
    /// It is no target any more, and its series end.
    Gone,
}

/// Puts what a look brought into a record.
#[derive(Default)]
pub struct ScrapeWriter {
    samples: SampleWriter,
    histograms: Option<SampleWriter>,
    exemplars: Option<SampleWriter>,
}

/// A look brought more than one record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more samples than one record holds: {0} bytes packed, of at most {MAX_PAYLOAD_BYTES}")]
pub struct TooLarge(pub usize);

const VERSION: u8 = 1;
const HEAD: usize = 18;
/// What a record may unfold to.
const MOST_UNPACKED: usize = 64 << 20;
/// Little time for most of what there is to gain: names and labels repeat.
const LEVEL: i32 = 1;

impl ScrapeWriter {
    /// Adds a sample of a series: its labels as [`Labels::series`] gave them.
    pub fn push(&mut self, labels: &Labels<'_>, own: &[Pair], kind: Kind, sample: (i64, f64)) {
        self.samples.push(labels, own, kind, &[sample]);
    }

    /// Adds a histogram of a series, by its bytes.
    pub fn push_histogram(&mut self, labels: &Labels<'_>, own: &[Pair], histogram: (i64, Vec<u8>)) {
        let writer = self.histograms.get_or_insert_with(SampleWriter::of_histograms);
        writer.push_histograms(labels, own, &[histogram]);
    }

    /// Adds an exemplar of a series, by its bytes.
    pub fn push_exemplar(&mut self, labels: &Labels<'_>, own: &[Pair], exemplar: (i64, Vec<u8>)) {
        let writer = self.exemplars.get_or_insert_with(SampleWriter::of_exemplars);
        writer.push_histograms(labels, own, &[exemplar]);
    }

    /// The record's payload. Exemplars with which it would be too large are left out: they cost no sample.
    ///
    /// # Errors
    /// It would be larger than a queue takes.
    pub fn finish(self, scrape: Scrape) -> Result<Vec<u8>, TooLarge> {
        let mut plain = Vec::new();
        let mut put = |writers: &mut dyn Iterator<Item = SampleWriter>| {
            for part in writers.flat_map(SampleWriter::finish) {
                plain.extend((part.len() as u32).to_le_bytes());
                plain.extend(part);
            }
            plain.len()
        };
        let samples = put(&mut std::iter::once(self.samples).chain(self.histograms));
        let all = put(&mut self.exemplars.into_iter());
        pack(scrape, &plain).or_else(|large| if all > samples { pack(scrape, &plain[..samples]) } else { Err(large) })
    }
}

/// A payload of parts, each behind its length.
pub(super) fn pack(scrape: Scrape, plain: &[u8]) -> Result<Vec<u8>, TooLarge> {
    thread_local! {
        // A compressor's tables are larger than most of what it packs: to make them anew for each took longer than to pack.
        static PACKER: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    }
    let packed = PACKER.with_borrow_mut(|packer| {
        let packer = match packer {
            Some(packer) => packer,
            None => packer.insert(Compressor::new(LEVEL)?),
        };
        packer.compress(plain)
    });
    let mut payload = scrape.head(plain.len()).to_vec();
    payload.extend(packed.map_err(|_| TooLarge(plain.len()))?);
    let fits = payload.len() <= MAX_PAYLOAD_BYTES && plain.len() <= MOST_UNPACKED;
    if fits { Ok(payload) } else { Err(TooLarge(payload.len())) }
}

impl Scrape {
    /// What a payload is about, and its packed rest. Nothing is unpacked.
    pub fn read(payload: &[u8]) -> Option<(Self, &[u8])> {
        let (head, packed) = payload.split_first_chunk::<HEAD>()?;
        let outcome = match head[1] {
            0 => Outcome::Seen,
            1 => Outcome::Failed,
            2 => Outcome::Gone,
            _ => return None,
        };
        let time = Timestamp(i64::from_le_bytes(head[2..10].try_into().ok()?));
        let interval_ms = u32::from_le_bytes(head[10..14].try_into().ok()?);
        // The length of the rest stays with it.
        let sound = head[0] == VERSION && interval_ms > 0 && time.millis() >= 0 && !packed.is_empty();
        sound.then_some((Self { time, interval_ms, outcome }, &payload[14..]))
    }

    /// The window's number: all of a target's are one apart, since the interval is a part of what makes it a target.
    pub(super) fn number(&self) -> u64 {
        self.time.millis() as u64 / u64::from(self.interval_ms)
    }

    fn head(&self, unpacked: usize) -> [u8; HEAD] {
        let mut head = [0; HEAD];
        head[0] = VERSION;
        head[1] = self.outcome as u8;
        head[2..10].copy_from_slice(&self.time.millis().to_le_bytes());
        head[10..14].copy_from_slice(&self.interval_ms.to_le_bytes());
        head[14..].copy_from_slice(&(unpacked as u32).to_le_bytes());
        head
    }
}

/// Unpacks the rest that [`Scrape::read`] gave.
pub(super) fn unpack(rest: &[u8]) -> Option<Vec<u8>> {
    let (length, packed) = rest.split_first_chunk()?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > MOST_UNPACKED {
        return None;
    }
    zstd::bulk::decompress(packed, length).ok().filter(|unpacked| unpacked.len() == length)
}

/// The parts of what was unpacked; a damaged end is left out.
pub(super) fn parts(mut unpacked: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = unpacked.split_first_chunk()?;
        let (part, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        unpacked = rest;
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imported::form::{EXEMPLARS, SAMPLES};

    const SCRAPE: Scrape = Scrape { time: Timestamp(1_700_000_007_000), interval_ms: 15_000, outcome: Outcome::Failed };

    fn written(series: usize) -> Result<Vec<u8>, TooLarge> {
        let (mut labels, mut writer, mut own) = (Labels::default(), ScrapeWriter::default(), Vec::new());
        for at in 0..series {
            let name = labels.metric(&[], "up", Kind::Gauge);
            // What does not pack.
            let value = xxhash_rust::xxh3::xxh3_128(&at.to_le_bytes()).to_string();
            let label = labels.label(&[], "instance", &value);
            let kind = labels.series(&[name, label], &mut own).unwrap();
            writer.push(&labels, &own, kind, (SCRAPE.time.millis(), at as f64));
        }
        writer.finish(SCRAPE)
    }

    #[test]
    fn what_is_written_is_read_and_what_is_cut_is_not() {
        let payload = written(20_000).unwrap();
        let (scrape, packed) = Scrape::read(&payload).unwrap();
        assert_eq!((scrape, scrape.number()), (SCRAPE, 113_333_333));
        let unpacked = unpack(packed).unwrap();
        assert!(
            parts(&unpacked).count() > 1
                && parts(&unpacked).map(|part| part.len() + 4).sum::<usize>() == unpacked.len()
        );
        assert!(
            (0..payload.len())
                .step_by(97)
                .all(|cut| { Scrape::read(&payload[..cut]).is_none_or(|(_, packed)| unpack(packed).is_none()) })
        );
    }

    #[test]
    fn more_than_a_record_holds_is_refused() {
        assert!(matches!(written(80_000), Err(TooLarge(bytes)) if bytes > MAX_PAYLOAD_BYTES));
    }

    #[test]
    fn exemplars_cost_no_sample() {
        let check = |series: usize, expected: &[u8]| {
            let (mut labels, mut writer, mut own) = (Labels::default(), ScrapeWriter::default(), Vec::new());
            let name = labels.metric(&[], "up", Kind::Gauge);
            let kind = labels.series(&[name], &mut own).unwrap();
            writer.push(&labels, &own, kind, (SCRAPE.time.millis(), 1.0));
            for at in 0..series {
                let bytes = xxhash_rust::xxh3::xxh3_128(&at.to_le_bytes()).to_le_bytes();
                writer.push_exemplar(&labels, &own, (SCRAPE.time.millis(), bytes.to_vec()));
            }
            let payload = writer.finish(SCRAPE).unwrap();
            let unpacked = unpack(Scrape::read(&payload).unwrap().1).unwrap();
            let versions: Vec<u8> = parts(&unpacked).filter_map(|part| part.first().copied()).collect();
            assert_eq!(versions, expected, "{series}");
        };
        check(10, &[SAMPLES, EXEMPLARS]);
        check(200_000, &[SAMPLES]);
    }

    #[test]
    fn a_length_beyond_all_bounds_is_not_unpacked() {
        let mut payload = written(1).unwrap();
        payload[14..18].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(unpack(Scrape::read(&payload).unwrap().1), None);
    }
}
