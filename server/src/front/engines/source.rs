//! Engines as a source of queries: all shares are asked at once, of each share one copy and the next where that fails.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use weir_formats::kind_by_name;
use weir_query::{Allow, Answered, Column, Each, Matcher, QueryError, Selection, SeriesData, Source, Tier};
use weir_sample::{Kind, Reading, Series, Timestamp};

use super::ask;
use super::choice::{Copies, OfTier, Tiers};
use super::fetched::Fetched;
use super::merge::{merged, with_part};
use super::selector;
use crate::clock::now;
use crate::config::EngineSettings;

/// All engines.
pub(crate) struct Engines {
    agent: ureq::Agent,
    tiers: Tiers,
    /// Whether an answer may lack a share that cannot be asked.
    partial: bool,
    asked: AtomicU64,
    failures: AtomicU64,
    /// Answers without the native histograms that there are.
    unread_histograms: AtomicU64,
    /// Why an engine did not answer lately.
    trouble: Mutex<Option<String>>,
}

impl Engines {
    pub(crate) fn new(engines: &[EngineSettings], partial: bool, timeout: std::time::Duration) -> Self {
        let (asked, failures, unread_histograms, trouble) = Default::default();
        let agent = crate::cmd::ask::agent_with(timeout);
        Self { agent, tiers: Tiers::new(engines), partial, asked, failures, unread_histograms, trouble }
    }

    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn readings(&self) -> Vec<Reading> {
        let counter = |name, value: &AtomicU64, help| Reading::counter(name, &[], value.load(Relaxed), help);
        vec![
            counter("weir_front_engine_questions_total", &self.asked, "Questions to engines."),
            counter("weir_front_engine_failures_total", &self.failures, FAILURES),
            counter("weir_front_engine_unread_histograms_total", &self.unread_histograms, UNREAD),
        ]
    }

    fn of_tier(&self, start: Timestamp) -> Result<&OfTier, QueryError> {
        let found = self.tiers.reaching(start, now());
        found.ok_or_else(|| QueryError::Unavailable("there is no engine to ask".into()))
    }

    /// Asks every share at once; what each has, and whether one is missing.
    fn of_shares<T: Send>(
        &self,
        shares: &[Copies],
        question: impl Fn(&EngineSettings) -> Result<T, String> + Sync,
    ) -> Result<(Vec<T>, bool), QueryError> {
        let ask = |copies: &Copies| self.of_copies(copies, &question);
        let answers: Vec<Result<T, String>> = std::thread::scope(|scope| {
            let asking: Vec<_> = shares.iter().map(|copies| scope.spawn(move || ask(copies))).collect();
            asking
                .into_iter()
                .map(|asked| asked.join().unwrap_or_else(|_| Err("the question broke off".into())))
                .collect()
        });
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for answer in answers {
            match answer {
                Ok(answer) => found.push(answer),
                Err(reason) => missing.push(reason),
            }
        }
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = missing.first().cloned();
        match missing.is_empty() || self.partial && !found.is_empty() {
            true => Ok((found, !missing.is_empty())),
            false => Err(QueryError::Unavailable(missing.join("; "))),
        }
    }

    fn of_copies<T>(
        &self,
        copies: &Copies,
        question: &(impl Fn(&EngineSettings) -> Result<T, String> + Sync),
    ) -> Result<T, String> {
        let mut told = Vec::new();
        for (at, engine) in copies.in_order() {
            self.asked.fetch_add(1, Relaxed);
            match question(engine) {
                Ok(answer) => {
                    copies.answered(at);
                    return Ok(answer);
                }
                Err(reason) => {
                    self.failures.fetch_add(1, Relaxed);
                    told.push(format!("{}: {reason}", engine.url));
                }
            }
        }
        Err(told.join("; "))
    }

    fn fetch(
        &self,
        of_tier: &OfTier,
        matchers: &[Matcher],
        span: (Timestamp, Timestamp),
    ) -> Result<(Vec<Fetched>, bool), QueryError> {
        let (mut answers, mut partial) =
            self.of_shares(&of_tier.shares, |engine| ask::samples(&self.agent, engine, matchers, span))?;
        if let Some(lacks) = answers.iter_mut().find_map(|answer| answer.lacks.take()) {
            partial = true;
            self.unread_histograms.fetch_add(1, Relaxed);
            *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(lacks);
        }
        Ok((merged(answers.into_iter().map(|answer| answer.series).collect()), partial))
    }

    /// The samples, with the part that their use needs where a tier has it.
    fn read(&self, of_tier: &OfTier, selection: &Selection<'_>) -> Result<(Vec<Fetched>, bool), QueryError> {
        let (matchers, tier) = (selection.matchers, of_tier.tier);
        let start = Timestamp(selection.start.millis().saturating_sub(2 * tier.millis()));
        let span = (start, selection.end);
        let (mut found, mut partial) = self.fetch(of_tier, matchers, span)?;
        if tier == Tier::Raw {
            return Ok((found, partial));
        }
        let name = selector::name(matchers);
        if !name.is_some_and(selector::is_part) {
            found.retain(|fetched| !selector::is_part(fetched.series.name()));
        }
        let part = selector::part(selection.hint).zip(name);
        if let Some((part, name)) = part
            && let Some(matchers) = selector::of_part(matchers, name, part)
        {
            let (points, missing) = self.fetch(of_tier, &matchers, span)?;
            found = with_part(found, points, part);
            partial |= missing;
        }
        Ok((found, partial))
    }

    /// Strings of an answer, of all shares.
    fn words(&self, path: &str, matchers: &[Matcher], span: (Timestamp, Timestamp)) -> Result<Vec<String>, QueryError> {
        let of_tier = self.of_tier(span.0)?;
        let (answers, _) = self.listed(of_tier, path, matchers, span)?;
        let words = answers.iter().filter_map(Value::as_array).flatten().filter_map(Value::as_str);
        let words: BTreeSet<String> = words.map(str::to_owned).collect();
        Ok(words.into_iter().collect())
    }

    fn listed(
        &self,
        of_tier: &OfTier,
        path: &str,
        matchers: &[Matcher],
        (start, end): (Timestamp, Timestamp),
    ) -> Result<(Vec<Value>, bool), QueryError> {
        let text = selector::text(matchers);
        let [start, end] = [start, end].map(|time| time.as_secs_f64().to_string());
        let query = [("match[]", text.as_str()), ("start", &start), ("end", &end)];
        self.of_shares(&of_tier.shares, |engine| ask::data(&self.agent, engine, path, &query))
    }
}

impl Source for Engines {
    fn select(&self, selection: &Selection<'_>, each: Each<'_>) -> Result<Answered, QueryError> {
        let of_tier = self.of_tier(selection.start)?;
        let (found, partial) = self.read(of_tier, selection)?;
        for found in found {
            if told(found, of_tier.tier, each).is_break() {
                break;
            }
        }
        Ok(Answered { tier: of_tier.tier, partial, holes: Vec::new() })
    }

    fn series(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: Allow<'_>,
    ) -> Result<Vec<(Series, Kind)>, QueryError> {
        let of_tier = self.of_tier(start)?;
        let (answers, _) = self.listed(of_tier, "/api/v1/series", matchers, (start, end))?;
        let mut all = std::collections::BTreeMap::new();
        for metric in answers.iter().filter_map(Value::as_array).flatten().filter_map(Value::as_object) {
            let text = |value: &'_ Value| value.as_str().unwrap_or_default().to_owned();
            let name = metric.get(weir_query::NAME).map(text).unwrap_or_default();
            let labels: Vec<(&str, String)> = metric
                .iter()
                .filter(|(label, _)| *label != weir_query::NAME)
                .map(|(label, value)| (label.as_str(), text(value)))
                .collect();
            let series = Series::new(&name, labels.iter().map(|(label, value)| (*label, value.as_str())));
            if of_tier.tier != Tier::Raw && selector::is_part(&name) {
                continue;
            }
            if let ControlFlow::Break(()) = allow(series.key().len()) {
                break;
            }
            all.insert(series.key().to_owned(), (series, kind_by_name(&name)));
        }
        Ok(all.into_values().collect())
    }

    fn label_names(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        _: Allow<'_>,
    ) -> Result<Vec<String>, QueryError> {
        self.words("/api/v1/labels", matchers, (start, end))
    }

    fn label_values(
        &self,
        label: &str,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        _: Allow<'_>,
    ) -> Result<Vec<String>, QueryError> {
        let mut values = self.words(&format!("/api/v1/label/{label}/values"), matchers, (start, end))?;
        values.retain(|value| label != weir_query::NAME || !selector::is_part(value));
        Ok(values)
    }
}

/// Hands over a series: floats, then histograms, as far as it has them.
fn told(Fetched { series, times, values, histograms }: Fetched, tier: Tier, each: Each<'_>) -> ControlFlow<()> {
    let more = !histograms.is_empty();
    if !times.is_empty() || !more {
        let (kind, starts, series) = (kind_by_name(series.name()), Vec::new(), series.clone());
        each(SeriesData { series, kind, tier, timestamps: times, values: Column::Floats(values), starts, more })?;
    }
    if more {
        let (timestamps, histograms) = histograms.into_iter().unzip();
        let (kind, values, starts, more) = (Kind::Distribution, Column::Histograms(histograms), Vec::new(), false);
        each(SeriesData { series, kind, tier, timestamps, values, starts, more })?;
    }
    ControlFlow::Continue(())
}

const UNREAD: &str =
    "Answers without native histograms that an engine has: it does not answer remote read, /readyz says why.";
const FAILURES: &str = "Questions that an engine did not answer; the next copy of its share was asked. /readyz says why the last one failed.";
