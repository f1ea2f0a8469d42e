//! What a target answered: text in, samples of series out. An answer is taken whole or not at all.

use std::borrow::Cow;
use std::collections::HashSet;

use hyper::header::CONTENT_TYPE;
use weir_formats::text::{Families, Form, Line, Meaning, Reader, Sample};
use weir_sample::{Kind, Series, Timestamp};
use weir_sink::exemplar_bytes;

use crate::relabel::{LabelSet, relabel};
use crate::target::Target;
use weir_fetch::Answer;

/// Samples of an answer, each series once.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub samples: Vec<Found>,
    /// Samples before relabelling.
    pub scraped: usize,
    /// Which of these are among `samples`.
    pub kept: Vec<bool>,
}

/// A sample as it will be stored.
#[derive(Debug)]
pub(crate) struct Found {
    pub series: Series,
    pub kind: Kind,
    pub value: f64,
    /// Its own time, where it has one that counts.
    pub time: Option<Timestamp>,
    /// What is shown for many: its time if it says one, and its bytes.
    pub exemplar: Option<(Option<i64>, Vec<u8>)>,
}

impl Page {
    /// Reads a text.
    ///
    /// # Errors
    /// It is none of metrics, is cut short, or is over a limit; in words.
    pub(super) fn parse(text: &str, form: Form, target: &Target) -> Result<Self, String> {
        let (mut reader, mut families) = (Reader::new(form), Families::<Cow<'_, str>>::default());
        let (mut page, mut seen) = (Self::default(), HashSet::new());
        for line in text.lines() {
            let line = reader.read(line).map_err(|fault| format!("line {}: {}", fault.line, fault.what))?;
            match line {
                Line::Type { family, kind } => families.learn(family, kind),
                Line::Sample(sample) => {
                    page.scraped += 1;
                    let is_total = families.meaning(&sample.name) == Meaning::Cumulative;
                    let kind = if is_total { Kind::Counter } else { Kind::Gauge };
                    let found = found(&sample, kind, target)?.filter(|found| seen.insert(found.series.clone()));
                    page.kept.push(found.is_some());
                    page.samples.extend(found);
                }
                Line::Help { .. } | Line::Unit { .. } | Line::Nothing | Line::End => {}
            }
            if page.samples.len() > target.job.limits.samples {
                return Err(format!("more than {} samples (sample_limit)", target.job.limits.samples));
            }
        }
        // Of a text that only looks like OpenMetrics its last line is not asked.
        match reader.end() {
            Err(_) if form == Form::OpenMetrics => Err("the answer was cut short: it has no # EOF".into()),
            _ => Ok(page),
        }
    }
}

/// The text of an answer, and its form.
///
/// # Errors
/// It is none of metrics, in words.
pub(super) fn text<'a>(answer: &'a Answer, target: &Target) -> Result<(&'a str, Form), String> {
    let form = form(answer.header(CONTENT_TYPE))
        .or(target.job.fallback)
        .ok_or_else(|| format!("answers {:?}, which is no format of metrics", answer.header(CONTENT_TYPE)))?;
    let text = std::str::from_utf8(&answer.body).map_err(|_| "the answer is not UTF-8".to_owned())?;
    Ok((text, form))
}

/// What a content type says; parameters do not matter.
fn form(content_type: &str) -> Option<Form> {
    match content_type.split(';').next().unwrap_or_default().trim() {
        "text/plain" => Some(Form::Text),
        "application/openmetrics-text" => Some(Form::OpenMetrics),
        _ => None,
    }
}

fn found(sample: &Sample<'_>, kind: Kind, target: &Target) -> Result<Option<Found>, String> {
    let (job, limits) = (&target.job, &target.job.limits);
    let mut labels: LabelSet =
        sample.labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
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
    labels.insert("__name__".into(), sample.name.to_string());
    if !relabel(&job.metric_relabel, &mut labels) {
        return Ok(None);
    }
    let Some(name) = labels.remove("__name__") else {
        return Err("a sample has no name after metric_relabel_configs".into());
    };
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
    let series = Series::new(&name, labels.iter().map(|(name, value)| (&**name, &**value)));
    let time = sample.time.filter(|_| job.honor_timestamps);
    // One whose labels are longer than OpenMetrics has them is none.
    let exemplar = sample.exemplar.as_ref().and_then(|exemplar| {
        let labels = exemplar.labels.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
        Some((exemplar.time, exemplar_bytes(exemplar.value, labels)?))
    });
    Ok(Some(Found { series, kind, value: sample.value, time, exemplar }))
}
