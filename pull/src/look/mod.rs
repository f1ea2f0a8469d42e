//! One target as a collector has it: asked again and again, what it brought put into records.

mod known;
mod page;
mod skim;
mod written;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use hyper::Method;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, HeaderName};
use tokio::sync::OwnedSemaphorePermit;
use weir_formats::text::Form;
use weir_sample::{Kind, Series, Timestamp};
use weir_sink::{Outcome, Scrape};

use weir_fetch::{Answer, Ask, Client, Connection, Failure, Room};

use crate::config::Format;
use crate::sockets::Sockets;
use crate::target::Target;
use known::Known;
use page::{Found, Page};
use written::Writing;

/// A target, its connection, and what it had when it was asked last.
pub(crate) struct Looker {
    pub target: Arc<Target>,
    client: Arc<Client>,
    room: Room,
    connection: Option<Connection>,
    /// Leave for the connection to stay open between looks.
    kept: Option<OwnedSemaphorePermit>,
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
        Self { target, client, room, connection: None, kept: None, known: Known::default(), is_up: None }
    }

    /// Whether a socket is its own, which it need not have leave for at each look.
    pub(crate) fn has_connection(&self) -> bool {
        self.kept.is_some()
    }

    /// Keeps the connection for the next look, if it is one of those that may stay open.
    pub(crate) fn keep_connection(&mut self, sockets: &Sockets) {
        let kept = self.connection.as_ref().and_then(|_| self.kept.take().or_else(|| sockets.keep()));
        if kept.is_none() {
            self.connection = None;
        }
        self.kept = kept;
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
        let mut writing = Writing::default();
        let ends = ended.iter().try_for_each(|(series, kind)| writing.end(series, *kind, time));
        ends.and_then(|()| writing.finish(self.scrape(time, Outcome::Gone))).unwrap_or_default()
    }

    async fn ask(&mut self) -> Result<Answer, Trouble> {
        let (target, timeout) = (&self.target, self.target.timeout);
        let seconds = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");
        let mut headers =
            vec![(ACCEPT, target.job.formats.accept.clone()), (seconds, timeout.as_secs_f64().to_string())];
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
        let looked = match page::format(answer, &self.target).map_err(Trouble::content)? {
            Format::Text(form) => {
                let text = std::str::from_utf8(&answer.body);
                self.read(time, begun, text.map_err(|_| Trouble::content("the answer is not UTF-8".into()))?, form)
            }
            Format::Families => self.read_families(time, begun, &answer.body),
        }?;
        self.tell(None);
        Ok(looked)
    }

    fn read(&mut self, time: Timestamp, begun: Instant, text: &str, form: Form) -> Result<Looked, Trouble> {
        let mut values = Vec::new();
        let shape = skim::skim(text, form, &mut values);
        if let Some(looked) = self.seen_again(time, begun, shape, &values) {
            return Ok(looked);
        }
        let target = self.target.clone();
        let page = Page::parse(text, form, &target).map_err(Trouble::content)?;
        self.seen_anew(time, begun, &page, shape, &values)
    }

    fn read_families(&mut self, time: Timestamp, begun: Instant, bytes: &[u8]) -> Result<Looked, Trouble> {
        let target = self.target.clone();
        let page = Page::of_families(bytes, &target).map_err(Trouble::content)?;
        self.seen_anew(time, begun, &page, None, &[])
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
        page: &Page<'_>,
        shape: Option<u64>,
        values: &[f64],
    ) -> Result<Looked, Trouble> {
        let own = self.all_own([1.0, begun.elapsed().as_secs_f64(), page.scraped as f64, page.samples.len() as f64]);
        let before = self.known.take(OWN.len());
        // A number does not go on where a histogram was, nor the other way round.
        let is_histogram = |kind: Kind| kind == Kind::Distribution;
        let still: HashSet<_> = page.samples.iter().map(|found| (&found.series, is_histogram(found.kind))).collect();
        let ended: Vec<_> =
            before.iter().filter(|(series, kind)| !still.contains(&(series, is_histogram(**kind)))).collect();
        let payload = match self.written(time, page, &ended, &own) {
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
        let mut writing = Writing::default();
        // What ends fitted into a record when it came.
        let ends = known.iter().try_for_each(|(series, kind)| writing.end(series, *kind, time));
        let all = ends.and_then(|()| writing.all_own(&own, time));
        all.and_then(|()| writing.finish(self.scrape(time, Outcome::Failed))).unwrap_or_default()
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

    fn written(
        &self,
        time: Timestamp,
        page: &Page<'_>,
        ended: &[(&Series, &Kind)],
        own: &[(Series, f64)],
    ) -> Result<Vec<u8>, String> {
        let mut writing = Writing::default();
        for Found { series, kind, amount, time: its, .. } in &page.samples {
            writing.sample(series, *kind, its.unwrap_or(time), amount)?;
        }
        ended.iter().try_for_each(|(series, kind)| writing.end(series, **kind, time))?;
        writing.all_own(own, time)?;
        for found in page.samples.iter().filter(|found| !found.exemplars.is_empty()) {
            writing.exemplars(found, time);
        }
        writing.finish(self.scrape(time, Outcome::Seen))
    }

    fn scrape(&self, time: Timestamp, outcome: Outcome) -> Scrape {
        Scrape { time, interval_ms: self.target.interval.as_millis() as u32, outcome }
    }
}

#[cfg(test)]
mod tests;
