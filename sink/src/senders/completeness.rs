//! How complete the data is: of the samples sealed lately, the share that arrived, by tenant and pool.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use weir_sample::{Kind, Series, Timestamp, Window};
use weir_store::{Error, Store};

use super::account::{Sums, tenant_label};

/// The sums of the last minutes.
#[derive(Default)]
pub(crate) struct Completeness {
    minutes: VecDeque<(Timestamp, Sums)>,
}

const EVERY: Duration = Duration::from_secs(60);
/// Completeness is that of the samples sealed in this time.
const SPAN: Duration = Duration::from_secs(600);

impl Completeness {
    /// Whether a minute has passed since the last sums were noted.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.minutes.back().is_none_or(|(last, _)| now.is_due(*last, EVERY))
    }

    /// Notes the sums of now; returns the ratios.
    pub(crate) fn record(&mut self, now: Timestamp, sums: Sums) -> Vec<(Series, f64)> {
        self.minutes.retain(|(at, _)| *at <= now);
        while self.minutes.front().is_some_and(|(first, _)| now.since(*first) > SPAN) {
            self.minutes.pop_front();
        }
        let before = self.minutes.front().map(|(_, sums)| sums);
        let ratios = sums.iter().filter_map(|(group, [sealed, received])| {
            let [sealed_before, received_before] = before.and_then(|sums| sums.get(group)).copied().unwrap_or_default();
            let (sealed, received) = (sealed.checked_sub(sealed_before)?, received.checked_sub(received_before)?);
            (sealed > 0).then(|| (series(group), (received as f64 / sealed as f64).min(1.0)))
        });
        let ratios = ratios.collect();
        self.minutes.push_back((now, sums));
        ratios
    }

    /// Takes who is forgotten out of all sums: silent for longer than they reach back, it is the same in each.
    pub(crate) fn forget(&mut self, group: &(u32, Arc<str>), [sealed, received]: [u64; 2]) {
        for (_, sums) in &mut self.minutes {
            if let Some(sum) = sums.get_mut(group) {
                *sum = [sum[0].saturating_sub(sealed), sum[1].saturating_sub(received)];
            }
        }
    }
}

/// Writes the ratios.
pub(crate) fn write(store: &Store, at: Timestamp, ratios: Vec<(Series, f64)>) -> Result<(), Error> {
    let at = Window::containing(at, EVERY).start();
    for (series, ratio) in ratios {
        store.append_sample(&series, Kind::Gauge, at, ratio)?;
    }
    Ok(())
}

fn series((tenant, pool): &(u32, Arc<str>)) -> Series {
    let tenant = tenant_label(*tenant);
    Series::new("weir_completeness_ratio", [("tenant", tenant.as_str()), ("pool", pool)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group() -> (u32, Arc<str>) {
        (3, "web".into())
    }

    fn check(completeness: &mut Completeness, at: i64, sums: [u64; 2], expected: &[f64]) {
        let now = Timestamp::from_secs(at);
        let due = completeness.is_due(now);
        let found = if due { completeness.record(now, [(group(), sums)].into()) } else { Vec::new() };
        assert_eq!(found.iter().map(|(_, ratio)| *ratio).collect::<Vec<_>>(), expected, "at {at}");
        for (series, _) in found {
            assert_eq!(series.to_string(), "weir_completeness_ratio{pool=\"web\",tenant=\"3\"}");
        }
    }

    #[test]
    fn completeness_is_that_of_the_last_minutes() {
        let mut completeness = Completeness::default();
        check(&mut completeness, 0, [100, 90], &[0.9]);
        check(&mut completeness, 30, [150, 90], &[]);
        check(&mut completeness, 60, [200, 190], &[1.0]);
        check(&mut completeness, 120, [200, 190], &[1.0]);
        check(&mut completeness, 700, [300, 240], &[0.5]);
    }

    #[test]
    fn who_is_forgotten_leaves_the_ratio_as_it_is() {
        let mut completeness = Completeness::default();
        check(&mut completeness, 0, [1_100, 1_090], &[1_090.0 / 1_100.0]);
        completeness.forget(&group(), [1_000, 1_000]);
        check(&mut completeness, 60, [200, 140], &[0.5]);
    }
}
