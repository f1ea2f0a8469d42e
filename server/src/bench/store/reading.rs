//! Reading Weir's store: the last hour of many series, and a year of few.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use weir_sample::Timestamp;
use weir_store::{Hint, MatchOp, Matcher, NAME, Selection, Store, StoreConfig, Tier};

use super::fleet::{Fleet, columns, names_of};
use super::plan::{Plan, SELECTED};
use super::spent::median_ms;

/// Reads the last hour of many series; how many were found, and the milliseconds it took.
pub(super) fn last_hour(store: &Store, plan: &Plan) -> Result<(usize, f64)> {
    let matchers = [Matcher::new(NAME, MatchOp::Regex, &names_of(SELECTED, plan.hosts))?];
    let end = plan.time(plan.steps);
    let start = Timestamp(end.millis() - 3_600_000 + 1);
    let selection = Selection { matchers: &matchers, start, end, step: None, hint: Hint::Raw, any_order: true };
    let (found, millis) = select(store, &selection)?;
    Ok((found.series, millis))
}

struct Found {
    tier: Tier,
    series: usize,
    points: usize,
}

/// What was found, and the milliseconds it took.
fn select(store: &Store, selection: &Selection<'_>) -> Result<(Found, f64)> {
    median_ms(|| {
        let (mut series, mut points) = (0, 0);
        let answered = store.select(selection, &mut |data| {
            series += usize::from(!data.timestamps.is_empty());
            points += data.timestamps.len();
            ControlFlow::Continue(())
        })?;
        Ok(Found { tier: answered.tier, series, points })
    })
}

/// Hosts of the year's store: a thousand series.
const YEAR_HOSTS: usize = 10;
const DAY_S: i64 = 86_400;
/// Time between two samples of it: what is read are points of an hour, whatever they are made of.
const YEAR_INTERVAL: Duration = Duration::from_secs(1_800);
/// Fewer points of an hour than a year has would mean that not all of it was read.
const YEAR_POINTS: usize = 364 * 24;

/// Stores a year of a thousand series in a folder of its own, blocks and merges included, and reads its points of an
/// hour; the milliseconds it took.
pub(super) fn year(start_s: i64, folder: &Path) -> Result<f64> {
    let (store, _) = Store::open(folder, StoreConfig::default())?;
    let mut fleet = Fleet::new(YEAR_HOSTS, 0.0);
    let rows: Vec<_> = fleet.numbers().map(|number| store.rows(number as u128 + 1, &columns(number))).collect();
    let begin = start_s - 365 * DAY_S;
    let interval_s = YEAR_INTERVAL.as_secs() as i64;
    for time_s in (begin + interval_s..=start_s).step_by(YEAR_INTERVAL.as_secs() as usize) {
        let now = Timestamp::from_secs(time_s);
        fleet.step(|first, values| {
            let mut each = rows[first..].iter().zip(values);
            each.try_for_each(|(rows, values)| store.append(rows, now, YEAR_INTERVAL, values).map(drop))
        })?;
        if (time_s - begin) % DAY_S == 0 {
            store.maintain(now)?;
            store.checkpoint(b"")?;
        }
    }
    let matchers = [Matcher::new(NAME, MatchOp::Regex, &names_of(usize::MAX, YEAR_HOSTS))?];
    let (start, end) = (Timestamp::from_secs(begin), Timestamp::from_secs(start_s));
    let step = Some(Duration::from_secs(3_600));
    let selection = Selection { matchers: &matchers, start, end, step, hint: Hint::Raw, any_order: true };
    let (found, millis) = select(&store, &selection)?;
    let whole = found.tier == Tier::Hour && found.points >= found.series * YEAR_POINTS;
    ensure!(whole, "{} points of {} series: that is no year", found.points, found.series);
    Ok(millis)
}
