//! Classic histograms as native ones with bounds of their own: of a text, whose buckets, sum and count are samples of their own, too.

use std::borrow::Cow;
use std::collections::HashMap;

use weir_sample::{CUSTOM_BOUNDS, Histogram, Parts, ResetHint};

use super::scraped::{Said, Scraped};
use crate::text::Part;

/// Histograms of a text, of which parts were met.
#[derive(Default)]
pub struct Parted<'a> {
    places: HashMap<(String, Labels<'a>), usize>,
    all: Vec<Whole<'a>>,
}

type Labels<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

struct Whole<'a> {
    family: String,
    labels: Labels<'a>,
    parts: Vec<Scraped<'a>>,
    buckets: Vec<(f64, f64)>,
    sum: Option<f64>,
    count: Option<f64>,
}

impl<'a> Parted<'a> {
    /// Takes a part of a histogram of a family.
    pub fn take(&mut self, family: &str, part: Part, scraped: Scraped<'a>) {
        let mut labels = scraped.labels.clone();
        let bound = labels.iter().position(|(name, _)| part == Part::Bucket && name == "le");
        let bound = bound.map(|at| labels.swap_remove(at).1);
        labels.sort();
        let place = *self.places.entry((family.to_owned(), labels)).or_insert_with_key(|(family, labels)| {
            let (family, labels, parts, buckets) = (family.clone(), labels.clone(), Vec::new(), Vec::new());
            self.all.push(Whole { family, labels, parts, buckets, sum: None, count: None });
            self.all.len() - 1
        });
        let whole = &mut self.all[place];
        if let Said::Total(value) = scraped.value {
            match part {
                Part::Bucket => {
                    let bound = bound.and_then(|bound| bound.parse().ok());
                    whole.buckets.push((bound.unwrap_or(f64::NAN), value));
                }
                Part::Sum => whole.sum = Some(value),
                Part::Count => whole.count = Some(value),
            }
        }
        whole.parts.push(scraped);
    }

    /// Calls with every histogram, and with its parts too if these are wanted as well, or make none.
    pub fn finish(self, with_parts: bool, mut each: impl FnMut(Scraped<'a>)) {
        for whole in self.all {
            let histogram = whole.histogram();
            if with_parts || histogram.is_none() {
                whole.parts.into_iter().for_each(&mut each);
            }
            histogram.into_iter().for_each(&mut each);
        }
    }
}

impl<'a> Whole<'a> {
    fn histogram(&self) -> Option<Scraped<'a>> {
        let infinite = self.buckets.iter().find(|(bound, _)| *bound == f64::INFINITY).map(|(_, count)| *count);
        let count = self.count.or(infinite).filter(|_| !self.buckets.is_empty())?;
        let histogram = with_bounds(self.buckets.clone(), count, self.sum.unwrap_or(f64::NAN))?;
        let of_parts = self.parts.iter().flat_map(|part| &part.exemplars);
        Some(Scraped {
            name: Cow::Owned(self.family.clone()),
            labels: self.labels.clone(),
            value: Said::Histogram(Box::new(histogram)),
            time: self.parts.iter().find_map(|part| part.time),
            exemplars: of_parts.filter(|exemplar| exemplar.time.is_some()).cloned().collect(),
        })
    }
}

/// A native histogram of upper ends and how many lie below each, all of which count on; `None` if nothing can have been counted so.
pub(super) fn with_bounds(mut buckets: Vec<(f64, f64)>, count: f64, sum: f64) -> Option<Histogram> {
    buckets.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    buckets.retain(|(bound, _)| *bound != f64::INFINITY);
    let bounds: Vec<f64> = buckets.iter().map(|(bound, _)| *bound).collect();
    let (mut positive, mut below) = (Vec::with_capacity(bounds.len() + 1), 0.0);
    for (at, all) in buckets.iter().map(|(_, all)| *all).chain([count]).enumerate() {
        if all > below {
            positive.push((i32::try_from(at).ok()?, all - below));
        } else if all < below || all.is_nan() {
            return None;
        }
        below = all;
    }
    let (zero_threshold, zero, negative, hint) = (0.0, 0.0, Vec::new(), ResetHint::Unknown);
    let parts = Parts { scale: CUSTOM_BOUNDS, hint, zero_threshold, zero, count, sum, positive, negative, bounds };
    parts.histogram().filter(Histogram::is_sound)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(le: &'static str, value: f64) -> Scraped<'static> {
        part("h_bucket", &[("le", le), ("a", "b")], value)
    }

    fn part(name: &'static str, labels: &[(&'static str, &'static str)], value: f64) -> Scraped<'static> {
        let labels = labels.iter().map(|(name, value)| (Cow::Borrowed(*name), Cow::Borrowed(*value))).collect();
        Scraped { name: name.into(), labels, value: Said::Total(value), time: None, exemplars: Vec::new() }
    }

    fn told(parts: Vec<(Part, Scraped<'static>)>, with_parts: bool) -> Vec<String> {
        let (mut parted, mut told) = (Parted::default(), Vec::new());
        parts.into_iter().for_each(|(what, part)| parted.take("h", what, part));
        parted.finish(with_parts, |scraped| {
            told.push(match scraped.value {
                Said::Histogram(histogram) => {
                    let Parts { count, sum, positive, bounds, .. } = histogram.parts();
                    format!("{} {:?} {count} {sum} {positive:?} {bounds:?}", scraped.name, scraped.labels)
                }
                _ => scraped.name.into_owned(),
            });
        });
        told
    }

    #[test]
    fn parts_become_a_histogram_in_whatever_order_they_come() {
        let parts = || {
            vec![
                (Part::Count, part("h_count", &[("a", "b")], 5.0)),
                (Part::Bucket, bucket("+Inf", 5.0)),
                (Part::Bucket, bucket("1", 2.0)),
                (Part::Bucket, bucket("0.5", 2.0)),
                (Part::Sum, part("h_sum", &[("a", "b")], 6.5)),
            ]
        };
        let whole = "h [(\"a\", \"b\")] 5 6.5 [(0, 2.0), (2, 3.0)] [0.5, 1.0]";
        assert_eq!(told(parts(), false), [whole]);
        assert_eq!(told(parts(), true), ["h_count", "h_bucket", "h_bucket", "h_bucket", "h_sum", whole]);
    }

    #[test]
    fn what_makes_no_histogram_stays_as_it_was() {
        let check = |parts: &[(&'static str, f64)], count: f64| {
            let mut all: Vec<_> = parts.iter().map(|(le, value)| (Part::Bucket, bucket(le, *value))).collect();
            all.push((Part::Count, part("h_count", &[("a", "b")], count)));
            assert_eq!(told(all, false).len(), parts.len() + 1, "{parts:?}");
        };
        check(&[], 5.0);
        check(&[("1", 3.0), ("2", 2.0)], 5.0);
        check(&[("x", 3.0)], 5.0);
        check(&[("1", 3.0), ("1.0", 3.0)], 5.0);
        check(&[("1", 3.0)], f64::NAN);
        check(&[("1", 3.0)], 2.0);
    }
}
