//! What of a request is not stored, and how that is told.

use weir_sample::legal_label_name;

use super::counters::{Counters, Lately};
use super::reason::Reason;
use crate::clock::now;

/// What a request has that is not stored, by reason.
#[derive(Default)]
pub(crate) struct LeftOut {
    counts: [u64; Reason::COUNT],
    /// The first series of each reason that was named.
    named: Vec<(Reason, String)>,
    /// Whose request it is.
    tenant: u32,
}

/// Of a series that is named, so that an answer can be read.
const MOST_NAMED_CHARS: usize = 200;

impl LeftOut {
    /// Of a request of a tenant's.
    pub(super) fn of(tenant: u32) -> Self {
        Self { tenant, ..Self::default() }
    }

    /// Takes out samples from before and after the times that are stored.
    pub(super) fn outside(
        &mut self,
        samples: &mut Vec<(i64, f64)>,
        (oldest, newest): (i64, i64),
        series: impl Fn() -> String,
    ) {
        samples.retain(|&(time, _)| self.is_within_of(time, oldest, newest, &series));
    }

    /// As [`LeftOut::is_within`], of a series that can be named.
    pub(super) fn is_within_of(
        &mut self,
        time: i64,
        oldest: i64,
        newest: i64,
        series: impl FnOnce() -> String,
    ) -> bool {
        let is_within = self.is_within(time, oldest, newest);
        if !is_within {
            let reason = if time < oldest { Reason::TooOld } else { Reason::Ahead };
            self.name(reason, series);
        }
        is_within
    }

    /// Whether a time is stored; counts what is not.
    pub(super) fn is_within(&mut self, time: i64, oldest: i64, newest: i64) -> bool {
        if time < oldest {
            self.add(Reason::TooOld, 1);
        } else if time > newest {
            self.add(Reason::Ahead, 1);
        }
        (oldest..=newest).contains(&time)
    }

    /// Counts what is not stored.
    pub(crate) fn add(&mut self, reason: impl Into<Reason>, count: u64) {
        self.counts[reason.into() as usize] += count;
    }

    /// The same of samples of one series, which is named to the sender if it is the first of its reason.
    pub(crate) fn add_of(&mut self, reason: impl Into<Reason>, count: u64, series: impl FnOnce() -> String) {
        let reason = reason.into();
        self.add(reason, count);
        if count > 0 {
            self.name(reason, series);
        }
    }

    /// Names a series to the sender if it is the first of its reason.
    fn name(&mut self, reason: Reason, series: impl FnOnce() -> String) {
        if !self.named.iter().any(|(named, _)| *named == reason) {
            let mut series = series();
            if let Some((end, _)) = series.char_indices().nth(MOST_NAMED_CHARS) {
                series.truncate(end);
                series.push('…');
            }
            self.named.push((reason, series));
        }
    }

    /// Counts it, and says so if there is any: the sender must not try again, but know.
    pub(crate) fn told(&self, counters: &Counters) -> Result<(), String> {
        let mut parts = Vec::new();
        for &reason in Reason::OF_SAMPLES {
            let count = self.counts[reason as usize];
            if count > 0 {
                counters.refuse(reason, count);
                let named = self.named.iter().find(|(named, _)| *named == reason);
                if let Some((_, series)) = named {
                    let (tenant, sentence, series) = (self.tenant, reason.sentence(), series.clone());
                    counters.remember(Lately { at: now(), tenant, sentence, series });
                }
                let named = named.map_or(String::new(), |(_, series)| format!(" (the first: {series})"));
                parts.push(format!("{count} {}{named}", reason.sentence()));
            }
        }
        if parts.is_empty() { Ok(()) } else { Err(format!("left out: {}; the rest is stored", parts.join(", "))) }
    }
}

/// A series as it was sent, whatever is wrong with it: `{__name__="x",a="1",a="2"}`.
pub(super) fn spelled<'l>(labels: impl Iterator<Item = (&'l str, &'l str)>) -> String {
    let labels: Vec<_> = labels
        .map(|(name, value)| match legal_label_name(name) == name {
            true => format!("{name}={value:?}"),
            false => format!("{name:?}={value:?}"),
        })
        .collect();
    format!("{{{}}}", labels.join(","))
}
