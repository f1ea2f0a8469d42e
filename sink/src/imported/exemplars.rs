//! Exemplars of series from elsewhere.

use weir_queue::Record;
use weir_sample::{Kind, Series, Timestamp};

use super::labels::series_of;
use super::reading::{self, Unreadable};
use crate::Error;
use crate::exemplars::{Exemplar, MOST_LABEL_CHARACTERS};
use crate::ingest::Ingest;
use crate::series::Limit;

/// Puts an exemplar's value and labels into the bytes that a record has of it; `None` if its labels are longer than OpenMetrics has
/// them.
pub fn exemplar_bytes<'l>(value: f64, labels: impl IntoIterator<Item = (&'l str, &'l str)>) -> Option<Vec<u8>> {
    let mut bytes = value.to_le_bytes().to_vec();
    let mut characters = 0;
    for (name, value) in labels {
        characters += name.chars().count() + value.chars().count();
        if characters > MOST_LABEL_CHARACTERS {
            return None;
        }
        for word in [name, value] {
            bytes.extend((word.len() as u16).to_le_bytes());
            bytes.extend(word.as_bytes());
        }
    }
    Some(bytes)
}

fn exemplar(time: i64, bytes: &[u8]) -> Option<Exemplar> {
    let (value, mut rest) = bytes.split_first_chunk()?;
    let mut word = || {
        let (length, behind) = rest.split_first_chunk()?;
        let (word, behind) = behind.split_at_checked(u16::from_le_bytes(*length).into())?;
        rest = behind;
        std::str::from_utf8(word).ok().map(str::to_owned)
    };
    let mut labels = Vec::new();
    while let Some(name) = word() {
        labels.push((name, word()?));
    }
    labels.sort();
    Some(Exemplar { time: Timestamp(time), value: f64::from_le_bytes(*value), labels })
}

/// Exemplars of a series, with their times.
type Told<'a> = (Series, Vec<(i64, &'a [u8])>);

fn read(payload: &[u8]) -> Result<Vec<Told<'_>>, Unreadable> {
    let (mut input, mut time, mut own, mut told) = (payload, 0, Vec::new(), Vec::new());
    let labels = reading::exemplar_labels(&mut input)?;
    while !input.is_empty() {
        own.clear();
        let count = reading::histogram_series(&mut input, labels.len(), &mut own)?;
        let mut exemplars = Vec::new();
        for _ in 0..count {
            let bytes = reading::histogram(&mut input, &mut time)?;
            exemplars.push((time, bytes));
        }
        told.push((series_of(own.iter().map(|&at| labels[at as usize])), exemplars));
    }
    Ok(told)
}

impl Ingest {
    /// Keeps the exemplars that a record tells, of series that rules and the tenant's limit let in.
    pub(super) fn keep_exemplars(&mut self, record: &Record<'_>, payload: &[u8]) -> Result<(), Error> {
        let Ok(told) = read(payload) else { return self.refuse(record) };
        let mut limit = Limit::default();
        let mut judge = self.admission.judge(record.tenant, None, &mut limit, record.received);
        // Of their series the samples say of what kind it is.
        let places: Vec<Option<Series>> =
            told.iter().map(|(sent, _)| judge.place_imported(sent, Kind::Counter)).collect();
        drop(judge);
        for ((_, exemplars), series) in told.into_iter().zip(places) {
            let Some(series) = series else {
                self.counters.exemplars.leave_out(exemplars.len());
                continue;
            };
            for (time, bytes) in exemplars {
                match exemplar(time, bytes) {
                    Some(exemplar) => self.counters.exemplars.keep(&series, exemplar),
                    None => self.refuse(record)?,
                }
            }
        }
        Ok(())
    }
}
