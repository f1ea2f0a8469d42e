//! Answers of several engines become one: each series once, its samples in order.

use std::collections::BTreeMap;

use weir_sample::Histogram;

use super::fetched::Fetched;

/// Puts answers together; of one series and time the sample of the later answer stands.
pub(super) fn merged(answers: Vec<Vec<Fetched>>) -> Vec<Fetched> {
    let mut all: BTreeMap<String, Fetched> = BTreeMap::new();
    for fetched in answers.into_iter().flatten() {
        match all.get_mut(fetched.series.key()) {
            None => _ = all.insert(fetched.series.key().to_owned(), fetched),
            Some(known) => {
                let mut samples: BTreeMap<i64, f64> =
                    known.times.iter().copied().zip(known.values.iter().copied()).collect();
                samples.extend(fetched.times.into_iter().zip(fetched.values));
                (known.times, known.values) = samples.into_iter().unzip();
                if !fetched.histograms.is_empty() {
                    let mut histograms: BTreeMap<i64, Histogram> = known.histograms.drain(..).collect();
                    histograms.extend(fetched.histograms);
                    known.histograms = histograms.into_iter().collect();
                }
            }
        }
    }
    all.into_values().collect()
}

/// Points of a part in place of the values that stand for them; a series without that part (a counter) keeps its own.
pub(super) fn with_part(own: Vec<Fetched>, part: Vec<Fetched>, suffix: &str) -> Vec<Fetched> {
    let plain = |fetched: Fetched| {
        let name = fetched.series.name().strip_suffix(suffix)?.to_owned();
        Some(Fetched { series: fetched.series.with_name(&name), ..fetched })
    };
    let mut parts: BTreeMap<String, Fetched> =
        part.into_iter().filter_map(plain).map(|fetched| (fetched.series.key().to_owned(), fetched)).collect();
    own.into_iter().map(|fetched| parts.remove(fetched.series.key()).unwrap_or(fetched)).collect()
}

#[cfg(test)]
mod tests {
    use weir_sample::Series;

    use super::*;

    fn fetched(name: &str, samples: &[(i64, f64)]) -> Fetched {
        let (times, values) = samples.iter().copied().unzip();
        Fetched { series: Series::named(name), times, values, histograms: Vec::new() }
    }

    #[test]
    fn each_series_is_there_once() {
        let one = vec![fetched("b", &[(1, 1.0), (3, 3.0)]), fetched("a", &[(1, 1.0)])];
        let other = vec![fetched("b", &[(2, 2.0), (3, 4.0)])];
        let all = merged(vec![one, other]);
        assert_eq!(all, [fetched("a", &[(1, 1.0)]), fetched("b", &[(1, 1.0), (2, 2.0), (3, 4.0)])]);
        let counted = |times: &[i64]| {
            let histograms = times.iter().map(|time| (*time, Histogram::default())).collect();
            vec![Fetched { histograms, ..fetched("b", &[]) }]
        };
        let all = merged(vec![counted(&[1, 3]), vec![fetched("b", &[(2, 2.0)])], counted(&[2, 3])]);
        let times: Vec<i64> = all[0].histograms.iter().map(|(time, _)| *time).collect();
        assert_eq!((all.len(), &all[0].times[..], times), (1, &[2][..], vec![1, 2, 3]));
    }

    #[test]
    fn a_gauge_has_its_part_and_a_counter_its_totals() {
        let own = vec![fetched("c", &[(1, 9.0)]), fetched("g", &[(1, 1.0)])];
        let all = with_part(own, vec![fetched("g:max", &[(1, 7.0)])], ":max");
        assert_eq!(all, [fetched("c", &[(1, 9.0)]), fetched("g", &[(1, 7.0)])]);
    }
}
