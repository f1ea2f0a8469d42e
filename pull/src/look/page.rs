//! What a target answered: text or families in, samples of series out. An answer is taken whole or not at all.

use std::borrow::Cow;
use std::collections::HashSet;

use hyper::header::CONTENT_TYPE;
use weir_formats::delimited::{self, Parted, Said, Scraped};
use weir_formats::text::{Families, Form, Line, Meaning, Reader};
use weir_sample::{Histogram, Kind, Series, Timestamp};
use weir_sink::exemplar_bytes;

use crate::config::Format;
use crate::relabel::{LabelSet, relabel};
use crate::target::Target;
use weir_fetch::Answer;

/// Samples of an answer, each series once.
#[derive(Debug)]
pub(crate) struct Page<'t> {
    target: &'t Target,
    pub samples: Vec<Found>,
    /// Samples before relabelling.
    pub scraped: usize,
    /// Which of these are among `samples`, if they are in the order of the text.
    pub kept: Option<Vec<bool>>,
    seen: HashSet<Series>,
}

/// A sample as it will be stored.
#[derive(Debug)]
pub(crate) struct Found {
    pub series: Series,
    pub kind: Kind,
    pub amount: Amount,
    /// Its own time, where it has one that counts.
    pub time: Option<Timestamp>,
    /// What is shown for many: its time if it says one, and its bytes.
    pub exemplars: Vec<(Option<i64>, Vec<u8>)>,
}

/// What a sample has.
#[derive(Clone, Debug)]
pub(crate) enum Amount {
    Number(f64),
    /// A native histogram, by its bytes.
    Histogram(Vec<u8>),
}

impl<'t> Page<'t> {
    fn of(target: &'t Target) -> Self {
        Self { target, samples: Vec::new(), scraped: 0, kept: Some(Vec::new()), seen: HashSet::new() }
    }

    /// Reads a text.
    ///
    /// # Errors
    /// It is none of metrics, is cut short, or is over a limit; in words.
    pub(super) fn parse(text: &str, form: Form, target: &'t Target) -> Result<Self, String> {
        let (mut reader, mut families) = (Reader::new(form), Families::<Cow<'_, str>>::default());
        let (mut page, mut parted, forms) = (Self::of(target), Parted::default(), target.job.formats.histograms);
        for line in text.lines() {
            let line = reader.read(line).map_err(|fault| format!("line {}: {}", fault.line, fault.what))?;
            match line {
                Line::Type { family, kind } => families.learn(family, kind),
                Line::Sample(sample) => {
                    let part = families.part(&sample.name).filter(|_| forms.converted);
                    let part = part.map(|(family, part)| (family.to_owned(), part));
                    let is_total = families.meaning(&sample.name) == Meaning::Cumulative;
                    let scraped = Scraped::of(sample, is_total);
                    match part {
                        Some((family, part)) => {
                            // They are told behind all others.
                            page.kept = None;
                            parted.take(&family, part, scraped);
                        }
                        None => page.take(scraped)?,
                    }
                }
                Line::Help { .. } | Line::Unit { .. } | Line::Nothing | Line::End => {}
            }
        }
        let mut fault = Ok(());
        parted.finish(forms.classic, |scraped| page.take_unless(&mut fault, scraped));
        // Of a text that only looks like OpenMetrics its last line is not asked.
        match reader.end() {
            Err(_) if form == Form::OpenMetrics => Err("the answer was cut short: it has no # EOF".into()),
            _ => fault.map(|()| page),
        }
    }

    /// Reads families.
    ///
    /// # Errors
    /// As of a text.
    pub(super) fn of_families(bytes: &[u8], target: &'t Target) -> Result<Self, String> {
        let (mut page, mut fault) = (Self::of(target), Ok(()));
        page.kept = None;
        let forms = target.job.formats.histograms;
        let malformed = delimited::parse(bytes, forms, |scraped| page.take_unless(&mut fault, scraped));
        match malformed {
            0 => fault.map(|()| page),
            _ => Err(format!("{malformed} families of metrics cannot be read, or the answer was cut short")),
        }
    }

    fn take_unless(&mut self, fault: &mut Result<(), String>, scraped: Scraped<'_>) {
        if fault.is_ok() {
            *fault = self.take(scraped);
        }
    }

    fn take(&mut self, scraped: Scraped<'_>) -> Result<(), String> {
        self.scraped += 1;
        let found = found(scraped, self.target)?.filter(|found| self.seen.insert(found.series.clone()));
        self.kept.iter_mut().for_each(|kept| kept.push(found.is_some()));
        self.samples.extend(found);
        let most = self.target.job.limits.samples;
        if self.samples.len() > most { Err(format!("more than {most} samples (sample_limit)")) } else { Ok(()) }
    }
}

/// How an answer is to be read.
///
/// # Errors
/// It is none of metrics, in words.
pub(super) fn format(answer: &Answer, target: &Target) -> Result<Format, String> {
    Format::of(answer.header(CONTENT_TYPE))
        .or(target.job.formats.fallback)
        .ok_or_else(|| format!("answers {:?}, which is no format of metrics", answer.header(CONTENT_TYPE)))
}

fn found(scraped: Scraped<'_>, target: &Target) -> Result<Option<Found>, String> {
    let (job, honors_times) = (&target.job, target.job.honor_timestamps);
    let Some((name, labels)) = labelled(&scraped, target) else { return Ok(None) };
    let name = name.ok_or("a sample has no name after metric_relabel_configs")?;
    check(&name, &labels, target)?;
    let series = Series::new(&name, labels.iter().map(|(name, value)| (&**name, &**value)));
    let (kind, amount) = match scraped.value {
        Said::Gauge(value) => (Kind::Gauge, Amount::Number(value)),
        Said::Total(value) => (Kind::Counter, Amount::Number(value)),
        Said::Histogram(histogram) => {
            let histogram = job.formats.buckets.within(*histogram).ok_or_else(|| job.formats.buckets.fault(&name))?;
            (Kind::Distribution, Amount::Histogram(bytes_of(&histogram)))
        }
    };
    let time = scraped.time.filter(|_| honors_times).map(Timestamp);
    // One whose labels are longer than OpenMetrics has them is none.
    let exemplars = scraped.exemplars.iter().filter_map(|exemplar| {
        let labels = exemplar.labels.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
        Some((exemplar.time, exemplar_bytes(exemplar.value, labels)?))
    });
    Ok(Some(Found { series, kind, amount, time, exemplars: exemplars.collect() }))
}

/// The bytes of a histogram, as a record has them.
pub(super) fn bytes_of(histogram: &Histogram) -> Vec<u8> {
    let mut bytes = Vec::new();
    histogram.encode(&mut bytes);
    bytes
}

/// Name and labels with those of the target, relabelled; nothing if the sample is dropped.
fn labelled(scraped: &Scraped<'_>, target: &Target) -> Option<(Option<String>, LabelSet)> {
    let job = &target.job;
    let mut labels: LabelSet =
        scraped.labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    labels.retain(|_, value| !value.is_empty());
    for (name, value) in &target.labels {
        match labels.get(name) {
            Some(_) if job.honor_labels => continue,
            Some(own) => {
                let mut exported = format!("exported_{name}");
                while labels.contains_key(&exported) || target.labels.contains_key(&exported) {
                    exported.insert_str(0, "exported_");
                }
                labels.insert(exported, own.clone());
            }
            None => {}
        }
        labels.insert(name.clone(), value.clone());
    }
    labels.insert("__name__".into(), scraped.name.to_string());
    if !relabel(&job.metric_relabel, &mut labels) {
        return None;
    }
    Some((labels.remove("__name__"), labels))
}

/// Whether a series is within the limits of its job.
fn check(name: &str, labels: &LabelSet, target: &Target) -> Result<(), String> {
    let limits = &target.job.limits;
    // As Prometheus counts them, the name is one of them.
    let longest = |of: fn((&String, &String)) -> usize| labels.iter().map(of).max().unwrap_or(0);
    if labels.len() + 1 > limits.labels {
        return Err(format!("{name} has more than {} labels (label_limit)", limits.labels));
    }
    if longest(|(name, _)| name.len()) > limits.label_name {
        return Err(format!("{name} has a label's name over {} bytes (label_name_length_limit)", limits.label_name));
    }
    if longest(|(_, value)| value.len()).max(name.len()) > limits.label_value {
        return Err(format!("{name} has a label's value over {} bytes (label_value_length_limit)", limits.label_value));
    }
    Ok(())
}
