//! One target as a collector has it: asked again and again, what it brought put into records.

mod known;
mod page;
mod skim;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use hyper::Method;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, HeaderName};
use weir_formats::text::Form;
use weir_sample::{Kind, STALE, Series, Timestamp};
use weir_sink::{Labels, Outcome, Pair, Scrape, ScrapeWriter};

use weir_fetch::{Answer, Ask, Client, Connection, Failure, Room};

use crate::target::Target;
use known::Known;
use page::{Found, Page};

/// A target, its connection, and what it had when it was asked last.
pub(crate) struct Looker {
    pub target: Arc<Target>,
    client: Arc<Client>,
    room: Room,
    connection: Option<Connection>,
    /// Series that end with a marker once they are gone.
    known: Known,
    is_up: Option<bool>,
}

/// What a look brought, and why it failed if it did.
pub(crate) struct Looked {
    pub payload: Vec<u8>,
    pub samples: usize,
    pub failure: Option<Trouble>,
}

/// Why a look failed: a reason as metrics have it, and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub reason: &'static str,
    pub text: String,
}

const FORMS: &str = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
/// What every look says of itself.
const OWN: [&str; 4] =
    ["up", "scrape_duration_seconds", "scrape_samples_scraped", "scrape_samples_post_metric_relabeling"];

impl Trouble {
    /// The answer is none of metrics, or over a limit.
    fn content(text: String) -> Self {
        Self { reason: "content", text }
    }
}

impl Looker {
    pub(crate) fn new(target: Arc<Target>, client: Arc<Client>, room: Room) -> Self {
        Self { target, client, room, connection: None, known: Known::default(), is_up: None }
    }

    /// Goes on with what the configuration has now.
    pub(crate) fn renew(&mut self, target: Arc<Target>, client: Arc<Client>) {
        if !Arc::ptr_eq(&self.target.job, &target.job) {
            // Relabelling and limits may be others, so that the next page is read anew.
            self.known = Known::Series(self.known.take(OWN.len()));
        }
        (self.target, self.client) = (target, client);
    }

    /// Asks the target for a window.
    pub(crate) async fn look(&mut self, time: Timestamp) -> Looked {
        let begun = Instant::now();
        let looked = match self.ask().await {
            Ok(answer) => self.seen(time, begun, &answer),
            Err(failure) => Err(failure),
        };
        looked.unwrap_or_else(|failure| {
            self.connection = None;
            self.tell(Some(&failure.text));
            Looked { payload: self.failed(time, begun), samples: OWN.len(), failure: Some(failure) }
        })
    }

    /// Ends all series of a target that is none any more.
    pub(crate) fn gone(&mut self, time: Timestamp) -> Vec<u8> {
        let own = OWN.map(|name| (self.own(name), Kind::Gauge));
        let ended: Vec<_> = self.known.take(OWN.len()).into_iter().chain(own).collect();
        let samples = ended.iter().map(|(series, kind)| (series, *kind, time, STALE));
        self.written(time, Outcome::Gone, samples, &[]).unwrap_or_default()
    }

    async fn ask(&mut self) -> Result<Answer, Trouble> {
        let (target, timeout) = (&self.target, self.target.timeout);
        let seconds = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");
        let mut headers = vec![(ACCEPT, FORMS.to_owned()), (seconds, timeout.as_secs_f64().to_string())];
        if target.job.compression {
            headers.push((ACCEPT_ENCODING, "gzip".to_owned()));
        }
        let ask = Ask {
            method: Method::GET,
            uri: target.uri.clone(),
            headers: &headers,
            body: Bytes::new(),
            limit: target.job.limits.body,
            room: &self.room,
        };
        let asked = tokio::time::timeout(timeout, self.client.ask(&mut self.connection, ask)).await;
        let answer = asked.unwrap_or(Err(Failure::Timeout(timeout)));
        answer.map_err(|failure| Trouble { reason: failure.reason(), text: failure.to_string() })
    }

    fn seen(&mut self, time: Timestamp, begun: Instant, answer: &Answer) -> Result<Looked, Trouble> {
        let (text, form) = page::text(answer, &self.target).map_err(Trouble::content)?;
        self.read(time, begun, text, form)
    }

    fn read(&mut self, time: Timestamp, begun: Instant, text: &str, form: Form) -> Result<Looked, Trouble> {
        let mut values = Vec::new();
        let shape = skim::skim(text, form, &mut values);
        let looked = match self.seen_again(time, begun, shape, &values) {
            Some(looked) => looked,
            None => {
                let page = Page::parse(text, form, &self.target).map_err(Trouble::content)?;
                self.seen_anew(time, begun, &page, shape, &values)?
            }
        };
        self.tell(None);
        Ok(looked)
    }

    /// A page with the series of the one before.
    fn seen_again(&self, time: Timestamp, begun: Instant, shape: Option<u64>, values: &[f64]) -> Option<Looked> {
        let Known::Shape(known) = &self.known else { return None };
        if shape != Some(known.shape) || values.len() != known.scraped {
            return None;
        }
        let samples = known.template.len();
        let stored = (samples - OWN.len()) as f64;
        let numbers = [1.0, begun.elapsed().as_secs_f64(), values.len() as f64, stored];
        let is_kept = |at: usize| known.kept.as_ref().is_none_or(|kept| kept[at]);
        let values = values.iter().enumerate().filter(|(at, _)| is_kept(*at)).map(|(_, value)| *value);
        let payload = known.template.write(self.scrape(time, Outcome::Seen), values.chain(numbers)).ok()?;
        Some(Looked { payload, samples, failure: None })
    }

    /// A page whose series have to be read.
    fn seen_anew(
        &mut self,
        time: Timestamp,
        begun: Instant,
        page: &Page,
        shape: Option<u64>,
        values: &[f64],
    ) -> Result<Looked, Trouble> {
        let own = self.all_own([1.0, begun.elapsed().as_secs_f64(), page.scraped as f64, page.samples.len() as f64]);
        let before = self.known.take(OWN.len());
        let still: std::collections::HashSet<_> = page.samples.iter().map(|found| &found.series).collect();
        let ended: Vec<_> = before.iter().filter(|(series, _)| !still.contains(series)).collect();
        let told = page
            .samples
            .iter()
            .map(|Found { series, kind, value, time: its, .. }| (series, *kind, its.unwrap_or(time), *value));
        let ends = ended.iter().map(|(series, kind)| (*series, **kind, time, STALE));
        let own = own.iter().map(|(series, value)| (series, Kind::Gauge, time, *value));
        let payload = match self.written(time, Outcome::Seen, told.chain(ends).chain(own), &page.samples) {
            Ok(payload) => payload,
            Err(fault) => {
                // They are to end with the look that is told as failed.
                self.known = Known::Series(before);
                return Err(Trouble::content(fault));
            }
        };
        // A record with ends is not what the next one will be.
        let shape = shape.filter(|_| ended.is_empty());
        self.known = Known::after(page, shape, values, &payload, OWN.len());
        Ok(Looked { payload, samples: page.samples.len() + OWN.len(), failure: None })
    }

    fn failed(&mut self, time: Timestamp, begun: Instant) -> Vec<u8> {
        let own = self.all_own([0.0, begun.elapsed().as_secs_f64(), 0.0, 0.0]);
        let known = self.known.take(OWN.len());
        let ended = known.iter().map(|(series, kind)| (series, *kind, time, STALE));
        let own = own.iter().map(|(series, value)| (series, Kind::Gauge, time, *value));
        // What ends fitted into a record when it came.
        self.written(time, Outcome::Failed, ended.chain(own), &[]).unwrap_or_default()
    }

    /// Says when a target goes down or is back.
    fn tell(&mut self, failure: Option<&str>) {
        let target = &self.target;
        match (self.is_up.replace(failure.is_none()), failure) {
            (None | Some(true), Some(failure)) => {
                tracing::warn!(job = target.job.name, url = %target.uri, failure, "a target is down");
            }
            (Some(false), None) => tracing::info!(job = target.job.name, url = %target.uri, "a target is up again"),
            _ => {}
        }
    }

    fn all_own(&self, numbers: [f64; 4]) -> Vec<(Series, f64)> {
        OWN.into_iter().zip(numbers).map(|(name, number)| (self.own(name), number)).collect()
    }

    fn own(&self, name: &str) -> Series {
        Series::new(name, self.target.labels.iter().map(|(name, value)| (&**name, &**value)))
    }

    fn written<'s>(
        &self,
        time: Timestamp,
        outcome: Outcome,
        samples: impl Iterator<Item = (&'s Series, Kind, Timestamp, f64)>,
        found: &'s [Found],
    ) -> Result<Vec<u8>, String> {
        let (mut labels, mut writer, mut own) = (Labels::default(), ScrapeWriter::default(), Vec::new());
        for (series, kind, time, value) in samples {
            let pairs = pairs(&mut labels, series, kind);
            let odd = |odd| format!("{} cannot be stored: {odd:?}", series.name());
            labels.series(&pairs, &mut own).map_err(odd)?;
            writer.push(&labels, &own, kind, (time.millis(), value));
        }
        for Found { series, kind, exemplar, time: its, .. } in found {
            let Some((at, bytes)) = exemplar else { continue };
            let pairs = pairs(&mut labels, series, *kind);
            // Its sample is stored.
            if labels.series(&pairs, &mut own).is_ok() {
                let at = at.unwrap_or(its.unwrap_or(time).millis());
                writer.push_exemplar(&labels, &own, (at, bytes.clone()));
            }
        }
        writer.finish(self.scrape(time, outcome)).map_err(|error| error.to_string())
    }

    fn scrape(&self, time: Timestamp, outcome: Outcome) -> Scrape {
        Scrape { time, interval_ms: self.target.interval.as_millis() as u32, outcome }
    }
}

/// A series' labels, each told once in a record.
fn pairs<'s>(labels: &mut Labels<'s>, series: &'s Series, kind: Kind) -> Vec<Pair> {
    let known = |labels: &mut Labels<'s>, part: &'s str| {
        labels.find(part.as_bytes()).unwrap_or_else(|| match part.split_once('\u{2}') {
            Some((name, value)) => labels.label(part.as_bytes(), name, value),
            None => labels.metric(part.as_bytes(), part, kind),
        })
    };
    series.key().split('\u{1}').map(|part| known(labels, part)).collect()
}

#[cfg(test)]
mod tests;
