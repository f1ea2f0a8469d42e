//! What a target had when it was asked last: for as long as its pages have one shape, what its records have in common, and
//! otherwise its series.

use std::collections::HashMap;

use weir_sample::{Kind, Series};
use weir_sink::ScrapeTemplate;

use super::page::{Amount, Page};

/// What ends with a marker once it is gone.
pub(super) enum Known {
    Series(HashMap<Series, Kind>),
    Shape(Box<Shape>),
}

/// Pages that differ in their values only.
pub(super) struct Shape {
    pub shape: u64,
    /// Its series are those of a page, and those that a look says of itself.
    pub template: ScrapeTemplate,
    /// Of the samples of a page those that are stored, if not all are.
    pub kept: Option<Box<[bool]>>,
    pub scraped: usize,
}

impl Default for Known {
    fn default() -> Self {
        Self::Series(HashMap::new())
    }
}

impl Known {
    /// Its series, and nothing known any more.
    pub(super) fn take(&mut self, own: usize) -> HashMap<Series, Kind> {
        match std::mem::take(self) {
            Self::Series(series) => series,
            Self::Shape(shape) => {
                let mut series = shape.template.series();
                series.truncate(series.len().saturating_sub(own));
                series.into_iter().collect()
            }
        }
    }

    /// What is known after a page of this shape, whose record is this; `values` are those that skimming found.
    pub(super) fn after(page: &Page<'_>, skimmed: Option<u64>, values: &[f64], payload: &[u8], own: usize) -> Self {
        Self::shape(page, skimmed, values, payload, own).unwrap_or_else(|| {
            let ending = page.samples.iter().filter(|found| found.time.is_none());
            Self::Series(ending.map(|found| (found.series.clone(), found.kind)).collect())
        })
    }

    fn shape(page: &Page<'_>, skimmed: Option<u64>, values: &[f64], payload: &[u8], own: usize) -> Option<Self> {
        let (shape, kept) = skimmed.zip(page.kept.as_ref()).filter(|(_, kept)| kept.len() == values.len())?;
        // Both ways to read a page have to agree on it, and all samples to be of the look's time.
        let stored = values.iter().zip(kept).filter(|(_, kept)| **kept).map(|(value, _)| Some(value.to_bits()));
        let bits = |amount: &Amount| if let Amount::Number(value) = amount { Some(value.to_bits()) } else { None };
        if !stored.eq(page.samples.iter().map(|found| bits(&found.amount))) {
            return None;
        }
        if page.samples.iter().any(|found| found.time.is_some()) {
            return None;
        }
        let template = ScrapeTemplate::of(payload).filter(|template| template.len() == page.samples.len() + own)?;
        let kept = kept.contains(&false).then(|| kept.clone().into_boxed_slice());
        Some(Self::Shape(Box::new(Shape { shape, template, kept, scraped: page.scraped })))
    }
}
