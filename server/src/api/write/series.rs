//! Series of remote write in the words of the sink's records. A label is read once in a request: series that follow one
//! another mostly have it at the same place, and else it is looked up by how it lies there.

use weir_formats::remote_write::{Entry, MOST_DISTINCT_LABELS, NAME, Refused, Request, read_label};
use weir_sample::Kind;
use weir_sink::{Labels, Odd, Pair};

/// The series of one request.
pub(crate) struct SeriesReader<'a> {
    pub labels: Labels<'a>,
    /// Labels of the series that was read last.
    pub own: Vec<Pair>,
    /// The same as they lie in the request, by their place.
    before: Vec<(&'a [u8], Pair)>,
    pairs: Vec<Pair>,
}

impl<'a> SeriesReader<'a> {
    /// With labels that every series gets, whatever it says itself.
    pub(crate) fn enforcing<'l>(labels: impl IntoIterator<Item = (&'l str, &'l str)>) -> Self {
        Self { labels: Labels::enforcing(labels), own: Vec::new(), before: Vec::new(), pairs: Vec::new() }
    }

    /// Reads the labels of a series: its kind, or what is odd about it.
    pub(crate) fn read(&mut self, request: &Request<'a>, entry: &Entry<'a>) -> Result<Result<Kind, Odd>, Refused> {
        self.pairs.clear();
        for (place, &raw) in entry.labels.iter().enumerate() {
            let pair = match self.before.get(place) {
                Some(&(same, pair)) if same == raw => pair,
                _ => self.pair(request, place, raw)?,
            };
            self.pairs.push(pair);
        }
        Ok(self.labels.series(&self.pairs, &mut self.own))
    }

    fn pair(&mut self, request: &Request<'a>, place: usize, raw: &'a [u8]) -> Result<Pair, Refused> {
        let pair = match self.labels.find(raw) {
            Some(pair) => pair,
            None => self.learn(request, raw)?,
        };
        match self.before.get_mut(place) {
            Some(before) => *before = (raw, pair),
            None => self.before.push((raw, pair)),
        }
        Ok(pair)
    }

    fn learn(&mut self, request: &Request<'a>, raw: &'a [u8]) -> Result<Pair, Refused> {
        if self.labels.len() >= MOST_DISTINCT_LABELS {
            return Err(Refused::TooMuch("different labels", MOST_DISTINCT_LABELS as u64));
        }
        Ok(match read_label(raw) {
            Ok((NAME, name)) => self.labels.metric(raw, name, request.kind_of(name)),
            Ok((name, value)) => self.labels.label(raw, name, value),
            Err(_) => self.labels.odd(raw, Odd::Unreadable),
        })
    }
}
