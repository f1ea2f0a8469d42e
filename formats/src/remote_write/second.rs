//! Requests of remote write 2.0: strings stand once in a table, and series name them by their places.

use weir_sample::{Kind, Metadata, MetricType};

use super::exemplar;
use super::request::Unpacked;
use super::{MOST_DISTINCT_LABELS, MOST_SAMPLES, MOST_SERIES, NAME, Refused};
use crate::protobuf::{Field, Fields, WRONG_TYPE, message, packed_varints};
use crate::{Exemplar, kind_by_name};

/// The protocol's name of its requests, as a content type has it.
pub const SECOND: &str = "io.prometheus.write.v2.Request";

/// A request of 2.0, looked over but for its series.
pub struct SecondRequest<'a> {
    bytes: &'a [u8],
    /// `None` where the bytes are no UTF-8.
    symbols: Vec<Option<&'a str>>,
}

/// One series of a request of 2.0.
#[derive(Default)]
pub struct SecondEntry<'a> {
    /// The metric's name; empty if there is none.
    pub name: &'a str,
    /// The other labels. One that comes twice is not found here, but for a second name, which is among these.
    pub labels: Vec<(&'a str, &'a str)>,
    /// Times in milliseconds and values.
    pub samples: Vec<(i64, f64)>,
    /// Native histograms as they lie there; [`read_histogram`](super::read_histogram) reads one.
    pub histograms: Vec<&'a [u8]>,
    /// Its exemplars.
    pub exemplars: Vec<Exemplar<'a>>,
    /// How many it has that are none.
    pub odd_exemplars: u64,
    /// It is no series, and has nothing of the above.
    pub is_unreadable: bool,
    /// What its metadata say it is.
    kind: u64,
    help: &'a str,
    unit: &'a str,
}

impl<'a> SecondRequest<'a> {
    /// Looks over a request.
    ///
    /// # Errors
    /// It is none, or over a limit.
    pub fn read(unpacked: &'a Unpacked) -> Result<Self, Refused> {
        let (bytes, mut symbols, mut series) = (unpacked.bytes(), Vec::new(), 0);
        for field in Fields(bytes) {
            match field? {
                (4, _) if symbols.len() >= MOST_DISTINCT_LABELS => {
                    return Err(Refused::TooMuch("symbols", MOST_DISTINCT_LABELS as u64));
                }
                (4, field) => symbols.push(std::str::from_utf8(message(field)?).ok()),
                (5, field) => {
                    message(field)?;
                    series += 1;
                    if series > MOST_SERIES {
                        return Err(Refused::TooMuch("series", MOST_SERIES));
                    }
                }
                // What 1.0 has in these places.
                (1..=3, _) => return Err(Refused::Protobuf("it has fields of remote write 1.0 and says it is of 2.0")),
                _ => {}
            }
        }
        if symbols.first().is_some_and(|first| *first != Some("")) {
            return Err(Refused::Protobuf("its first symbol is not empty"));
        }
        Ok(Self { bytes, symbols })
    }

    /// Calls with each series. Its memory is that of one.
    ///
    /// # Errors
    /// The limit that the request is over, or what the call answers.
    pub fn entries<E: From<Refused>>(&self, mut each: impl FnMut(&SecondEntry<'a>) -> Result<(), E>) -> Result<(), E> {
        let (mut entry, mut samples) = (SecondEntry::default(), 0);
        for field in Fields(self.bytes) {
            if let (5, field) = field.map_err(Refused::from)? {
                let bytes = message(field).map_err(Refused::from)?;
                match entry.read(bytes, &self.symbols, MOST_SAMPLES - samples) {
                    Ok(()) => {}
                    Err(Refused::Protobuf(_)) => entry = SecondEntry { is_unreadable: true, ..SecondEntry::default() },
                    Err(over) => return Err(over.into()),
                }
                samples += (entry.samples.len() + entry.histograms.len() + entry.exemplars.len()) as u64;
                each(&entry)?;
            }
        }
        Ok(())
    }
}

impl<'a> SecondEntry<'a> {
    /// What the series is: as its metadata say, else as its name ends.
    pub fn kind(&self) -> Kind {
        match self.kind {
            1 => Kind::Counter,
            2 | 4 | 6 | 7 => Kind::Gauge,
            _ => kind_by_name(self.name),
        }
    }

    /// The family of the series, and what its metadata tell of it; `None` if they tell nothing.
    pub fn told(&self) -> Option<(&'a str, Metadata)> {
        let kind = MetricType::of_number(self.kind);
        let told = Metadata { kind, unit: self.unit.to_owned(), help: self.help.to_owned() };
        (!told.is_empty()).then(|| (kind.family(self.name), told))
    }

    fn read(&mut self, bytes: &'a [u8], symbols: &[Option<&'a str>], most: u64) -> Result<(), Refused> {
        let mut references = Vec::new();
        let (mut labels, mut samples, mut histograms) =
            (std::mem::take(&mut self.labels), std::mem::take(&mut self.samples), std::mem::take(&mut self.histograms));
        labels.clear();
        samples.clear();
        histograms.clear();
        let (mut exemplars, mut odd_exemplars, mut metadata) = (Vec::new(), 0, Said::default());
        for field in Fields(bytes) {
            match field? {
                (1, field) => packed_varints(field, |at| references.push(at))?,
                (2..=4, _) if (samples.len() + histograms.len() + exemplars.len()) as u64 >= most => {
                    return Err(Refused::TooMuch("samples", MOST_SAMPLES));
                }
                (2, field) => samples.push(sample(message(field)?)?),
                (3, field) => histograms.push(message(field)?),
                (4, field) => {
                    // One that cannot be read costs itself.
                    match exemplar::read_second(message(field)?, symbols) {
                        Ok(exemplar) => exemplars.push(exemplar),
                        Err(_) => odd_exemplars += 1,
                    }
                }
                (5, field) => metadata = Said::read(message(field)?)?,
                _ => {}
            }
        }
        let (pairs, rest) = references.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(Refused::Protobuf("a label has a name and no value"));
        }
        let mut name = None;
        for pair in pairs {
            let symbol = |at: u64| usize::try_from(at).ok().and_then(|at| symbols.get(at)).copied().flatten();
            match (symbol(pair[0]), symbol(pair[1])) {
                (Some(NAME), Some(value)) if name.is_none() => name = Some(value),
                (Some(label), Some(value)) => labels.push((label, value)),
                _ => return Err(Refused::Protobuf("a label is at a place that the table of symbols does not have")),
            }
        }
        let is_unreadable = false;
        // A text that is at no place of the table is none: it is for people, and no reason to lose samples.
        let text =
            |at: u64| usize::try_from(at).ok().and_then(|at| symbols.get(at)).copied().flatten().unwrap_or_default();
        let Said { kind, help, unit } = metadata;
        let (name, help, unit) = (name.unwrap_or_default(), text(help), text(unit));
        *self = Self { name, labels, samples, histograms, exemplars, odd_exemplars, is_unreadable, kind, help, unit };
        Ok(())
    }
}

fn sample(bytes: &[u8]) -> Result<(i64, f64), Refused> {
    let mut sample = (0, 0.0);
    for field in Fields(bytes) {
        match field? {
            (1, Field::Fixed64(bits)) => sample.1 = f64::from_bits(bits),
            (2, Field::Varint(millis)) => sample.0 = millis as i64,
            (1 | 2, _) => return Err(WRONG_TYPE.into()),
            _ => {}
        }
    }
    Ok(sample)
}

/// A type, and where help and unit are in the table of symbols.
#[derive(Default)]
struct Said {
    kind: u64,
    help: u64,
    unit: u64,
}

impl Said {
    fn read(bytes: &[u8]) -> Result<Self, Refused> {
        let mut said = Self::default();
        for field in Fields(bytes) {
            match field? {
                (1, Field::Varint(number)) => said.kind = number,
                (3, Field::Varint(at)) => said.help = at,
                (4, Field::Varint(at)) => said.unit = at,
                (1, _) => return Err(WRONG_TYPE.into()),
                _ => {}
            }
        }
        Ok(said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, bytes.len() as u8][..], bytes].concat()
    }

    fn series(references: &[u8], more: &[u8]) -> Vec<u8> {
        field(5, &[field(1, references), more.to_vec()].concat())
    }

    fn told(request: &[u8]) -> Result<Vec<String>, String> {
        let packed = snap::raw::Encoder::new().compress_vec(request).unwrap();
        let unpacked = Unpacked::read(&packed).map_err(|refused| refused.to_string())?;
        let (mut told, read) = (Vec::new(), SecondRequest::read(&unpacked));
        let read = read.and_then(|request| {
            request.entries(|entry| {
                let SecondEntry { name, labels, samples, histograms, exemplars, .. } = entry;
                if entry.is_unreadable {
                    told.push("unreadable".to_owned());
                    return Ok(());
                }
                let kind = entry.kind();
                told.push(format!("{name} {labels:?} {kind:?} {samples:?} {} {}", histograms.len(), exemplars.len()));
                Ok::<_, Refused>(())
            })
        });
        read.map(|()| told).map_err(|refused| refused.to_string())
    }

    fn symbols(symbols: &[&str]) -> Vec<u8> {
        symbols.iter().flat_map(|symbol| field(4, symbol.as_bytes())).collect()
    }

    fn one() -> Vec<u8> {
        let sample = [&[9][..], &0.5_f64.to_le_bytes(), &[16, 7, 24, 3]].concat();
        let more = [field(2, &sample), field(3, &[120, 9]), field(4, &[]), field(5, &[8, 1])].concat();
        [symbols(&["", NAME, "x", "job", "a"]), series(&[1, 2, 3, 4], &more)].concat()
    }

    #[test]
    fn a_series_names_its_labels_by_their_places() {
        assert_eq!(told(&one()).unwrap(), ["x [(\"job\", \"a\")] Counter [(7, 0.5)] 1 1"]);
        assert_eq!(told(&[]).unwrap(), [""; 0]);
        assert_eq!(told(&series(&[], &[])).unwrap(), [" [] Gauge [] 0 0"]);
    }

    #[test]
    fn what_is_told_of_a_series_is_of_its_family() {
        let check = |name: &str, metadata: &[u8], expected: Option<(&str, &str)>| {
            let request = [symbols(&["", NAME, name, "Help.", "s"]), series(&[1, 2], &field(5, metadata))].concat();
            let packed = snap::raw::Encoder::new().compress_vec(&request).unwrap();
            let unpacked = Unpacked::read(&packed).unwrap();
            let mut seen = None;
            let request = SecondRequest::read(&unpacked).unwrap();
            request
                .entries(|entry| {
                    seen = entry.told().map(|(family, told)| {
                        (family.to_owned(), format!("{} {} {}", told.kind.word(), told.unit, told.help))
                    });
                    Ok::<_, Refused>(())
                })
                .unwrap();
            let expected = expected.map(|(family, told)| (family.to_owned(), told.to_owned()));
            assert_eq!(seen, expected, "{name} {metadata:?}");
        };
        check("x_total", &[8, 1, 24, 3, 32, 4], Some(("x_total", "counter s Help.")));
        check("x_bucket", &[8, 3, 24, 3], Some(("x", "histogram  Help.")));
        check("x", &[32, 4, 24, 99], Some(("x", "unknown s ")));
        check("x", &[], None);
    }

    #[test]
    fn what_is_no_series_costs_itself() {
        let good = series(&[1, 2], &[]);
        let check = |bad: &[u8]| {
            let request = [&symbols(&["", NAME, "x"])[..], &field(4, b"\xff"), &good, bad, &good].concat();
            assert_eq!(told(&request).unwrap(), ["x [] Gauge [] 0 0", "unreadable", "x [] Gauge [] 0 0"], "{bad:?}");
        };
        check(&series(&[1, 9], &[]));
        check(&series(&[1], &[]));
        check(&series(&[1, 2, 3, 2], &[]));
        check(&series(&[], &field(2, &[8, 1])));
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let check = |request: &[u8], expected: &str| {
            let seen = told(request).unwrap_err();
            assert!(seen.contains(expected), "{seen}");
        };
        check(&symbols(&["a"]), "first symbol");
        check(&field(1, &[]), "fields of remote write 1.0");
        check(&field(4, b"\xff"), "first symbol");
        check(&field(5, &[]).repeat(MOST_SERIES as usize + 1), "more than 100000 series");
        check(&field(4, &[]).repeat(MOST_DISTINCT_LABELS + 1), "more than 400000 symbols");
        let many = field(5, &field(2, &[]).repeat(50));
        check(&many.repeat(MOST_SAMPLES as usize / 50 + 1).split_off(0), "more than");
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_a_request_or_an_error() {
        let whole = one();
        for at in 0..whole.len() {
            let _ = told(&whole[..at]);
            for changed in 0..=255 {
                let mut damaged = whole.clone();
                damaged[at] = changed;
                let _ = told(&damaged);
            }
        }
    }
}
