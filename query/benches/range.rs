//! How long range queries take per series, apart from storage: `cargo bench -p weir-query`.
//!
//! The budget is for `sum by (pool) (rate(x[1m]))` over 1 h at 10 s: 8 ms for 1,000 series, 0.5 s for 100,000, storage
//! included. The source here makes its samples up, and what that takes is printed first.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use weir_query::{
    Allow, Answered, Column, Each, Engine, Limits, Matcher, QueryError, Selection, SeriesData, Source, Tier,
};
use weir_sample::{Kind, Series, Timestamp};

/// Counters of many hosts in ten pools, a sample every ten seconds.
struct MadeUp {
    series: Vec<Series>,
}

impl MadeUp {
    fn new(count: usize) -> Self {
        let series = |i: usize| {
            let (host, pool) = (format!("host-{i:06}"), format!("pool-{}", i % 10));
            Series::new("x", [("host", host.as_str()), ("pool", pool.as_str()), ("region", "eu-west-1")])
        };
        Self { series: (0..count).map(series).collect() }
    }
}

impl Source for MadeUp {
    fn select(&self, selection: &Selection<'_>, each: Each<'_>) -> Result<Answered, QueryError> {
        let (start, end) = (selection.start.millis(), selection.end.millis());
        for (i, series) in self.series.iter().enumerate() {
            let first = start + (10_000 - start.rem_euclid(10_000)) % 10_000;
            let timestamps: Vec<i64> = (first..=end).step_by(10_000).collect();
            let values = timestamps.iter().map(|&time| (time / 10_000 * (1 + i as i64 % 7)) as f64).collect();
            let (series, kind, values) = (series.clone(), Kind::Counter, Column::Floats(values));
            if let ControlFlow::Break(()) =
                each(SeriesData { series, kind, tier: Tier::Raw, timestamps, values, starts: Vec::new(), more: false })
            {
                break;
            }
        }
        Ok(Answered { tier: Tier::Raw, partial: false, holes: Vec::new() })
    }

    fn series(
        &self,
        _: &[Matcher],
        _: Timestamp,
        _: Timestamp,
        _: Allow<'_>,
    ) -> Result<Vec<(Series, Kind)>, QueryError> {
        Ok(Vec::new())
    }

    fn label_names(&self, _: &[Matcher], _: Timestamp, _: Timestamp, _: Allow<'_>) -> Result<Vec<String>, QueryError> {
        Ok(Vec::new())
    }

    fn label_values(
        &self,
        _: &str,
        _: &[Matcher],
        _: Timestamp,
        _: Timestamp,
        _: Allow<'_>,
    ) -> Result<Vec<String>, QueryError> {
        Ok(Vec::new())
    }
}

fn main() {
    for count in [1_000, 100_000] {
        let source = MadeUp::new(count);
        println!("{count} series, 1 h at 10 s");
        report("source alone", || {
            let selection = Selection {
                matchers: &[],
                start: Timestamp::from_secs(36_000 - 60),
                end: Timestamp::from_secs(39_600),
                hint: weir_query::Hint::Raw,
                any_order: true,
            };
            let mut samples = 0;
            let _ = source.select(&selection, &mut |data| {
                samples += std::hint::black_box(data.timestamps.len());
                ControlFlow::Continue(())
            });
        });
        for query in QUERIES {
            let engine = Engine::new(Limits { memory_bytes: 4 << 30, ..Limits::default() });
            report(query, || {
                let (start, end) = (Timestamp::from_secs(36_000), Timestamp::from_secs(39_600));
                let answer = engine.range(&source, query, start, end, Duration::from_secs(10));
                assert!(answer.is_ok(), "{query}: {answer:?}");
                std::hint::black_box(&answer);
            });
        }
    }
}

const QUERIES: [&str; 9] = [
    "sum by (pool) (rate(x[1m]))",
    "sum by (pool) (x)",
    "avg by (pool) (increase(x[5m]))",
    "max(irate(x[1m]))",
    "topk(5, x)",
    "quantile by (pool) (0.99, x)",
    "sum by (pool) (max_over_time(x[5m]))",
    "sum by (pool) (rate(x[1m]) / on (host, pool, region) x)",
    "count(x > 100 and x < 1000000)",
];

/// The best of a few runs.
#[expect(clippy::disallowed_methods, reason = "a bench measures")]
fn report(what: &str, mut run: impl FnMut()) {
    let best = (0..3).map(|_| {
        let started = Instant::now();
        run();
        started.elapsed()
    });
    println!("  {:>9.2} ms  {what}", best.min().unwrap_or_default().as_secs_f64() * 1e3);
}
