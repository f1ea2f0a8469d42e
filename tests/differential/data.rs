//! The data that both are asked about: gaps, resets, NaN, staleness markers, one label set under several names, and
//! classic histograms of which some are damaged.

use weir_tests::Chance;
use weir_tests::remote_write::Written;

/// Seconds between samples, and how many instants there are.
pub const PACE: i64 = 15;
pub const INSTANTS: i64 = 160;

/// A staleness marker.
const STALE: u64 = 0x7ff0_0000_0000_0002;

/// Everything, with its last instant at `end` (seconds).
///
/// Samples lie four seconds after a multiple of [`PACE`], where no window of a query ends: Prometheus 3 and this engine
/// leave the older end of a window out, 2.42 does not.
pub fn data(chance: &mut Chance, end: i64) -> Vec<Written> {
    let mut all = Vec::new();
    let times: Vec<i64> = (0..INSTANTS).map(|at| (end - (INSTANTS - 1 - at) * PACE) * 1_000).collect();
    for host in ["a", "b", "c"] {
        for job in ["x", "y"] {
            let labels = [("host", host), ("job", job)];
            for name in ["g_one", "g_two"] {
                all.push(series(name, &labels, &times, |_| gauge(chance)));
            }
            all.push(counter("c_one_total", &labels, &times, chance));
            all.push(counter("c_two_total", &labels, &times, chance));
        }
        all.push(series("up", &[("host", host)], &times, |_| Some(chance.below(2) as f64)));
        all.push(series("info", &[("host", host), ("job", "x"), ("version", &format!("v{host}"))], &times, |_| {
            Some(1.0)
        }));
        histogram(&mut all, host, &times, chance);
    }
    all.push(series("gone", &[("host", "a")], &times, |at| match at {
        0..60 => Some(at as f64),
        60 => Some(f64::from_bits(STALE)),
        61..110 => None,
        _ => Some(7.0),
    }));
    all
}

fn series(name: &str, labels: &[(&str, &str)], times: &[i64], mut value: impl FnMut(i64) -> Option<f64>) -> Written {
    let mut series = Written::new(name, labels);
    let samples = times.iter().enumerate().filter_map(|(at, &time)| Some((time, value(at as i64)?)));
    series.samples = samples.collect();
    series
}

/// A small whole number, now and then none, NaN or a staleness marker.
fn gauge(chance: &mut Chance) -> Option<f64> {
    match chance.below(60) {
        0 | 1 => None,
        2 => Some(f64::NAN),
        3 => Some(f64::from_bits(STALE)),
        _ => Some(chance.below(9) as f64 - 2.0),
    }
}

/// Far from zero, and resets only where there are no gaps: near zero and after a gap, 2.42 extrapolates in another way.
fn counter(name: &str, labels: &[(&str, &str)], times: &[i64], chance: &mut Chance) -> Written {
    let (mut value, gaps) = (100_000.0, chance.happens(0.5));
    series(name, labels, times, |at| {
        value += chance.below(10) as f64;
        if !gaps && at > 80 && chance.below(40) == 0 {
            value = 90_000.0;
        }
        if gaps && chance.below(12) == 0 { None } else { Some(value) }
    })
}

/// Buckets of which some miss, one has a bound that is none, and one falls below the one before.
fn histogram(all: &mut Vec<Written>, host: &str, times: &[i64], chance: &mut Chance) {
    for (at, bound) in ["0.5", "1", "2.5", "+Inf"].into_iter().enumerate() {
        let (mut value, damaged) = (10_000.0 * (at + 1) as f64, host == "b" && bound == "1");
        let labels = [("host", host), ("le", bound)];
        all.push(series("h_bucket", &labels, times, |_| {
            value += chance.below(5) as f64;
            if damaged { Some(value - 15_000.0) } else { Some(value) }
        }));
    }
    if host == "c" {
        all.push(series("h_bucket", &[("host", host), ("le", "much")], times, |_| Some(3.0)));
    }
}
