//! Questions as dashboards have them, asked twice: of the cache, and without it.

use std::time::Duration;

use weir_query::{Answer, Data, Engine, Remembered, ResultCache};
use weir_sample::Timestamp;

use crate::chance::Chance;
use crate::world::World;

/// A panel: a query, how far back, and how fine.
pub(crate) struct Panel {
    query: &'static str,
    range: i64,
    step: i64,
    phase: i64,
}

pub(crate) struct Question {
    query: &'static str,
    start: i64,
    end: i64,
    step: i64,
}

/// Those that look elsewhere than just behind their step, or add up in some order.
const DELICATE: &[&str] = &[
    "g offset -5m",
    "g offset 10m",
    "rate(c[5m] offset -3m)",
    "max_over_time(rate(c[1m])[10m:30s])",
    "last_over_time(sum(g)[15m:])",
    "increase(c[1m] anchored)",
    "increase(c[1m] smoothed)",
    "g smoothed",
    "sum(sum by (host) (g))",
    "avg(sum by (pool) (rate({__name__=~\"c|d\"}[2m])))",
    "topk(1, count by (pool) (g))",
    "range() * count(g)",
    "c",
    "last_over_time(g[20m])",
];

const QUERIES: &[&str] = &[
    "g",
    "c",
    "h",
    "{host=~\"h.*\"}",
    "rate(c[2m])",
    "increase(c[7m])",
    "irate(c[1m])",
    "delta(g[3m])",
    "sum(g)",
    "avg(g)",
    "stddev by (pool) (g)",
    "sum by (pool) (rate(c[1m]))",
    "sum(sum by (pool) (g))",
    "avg(max by (host) (g)) + 1",
    "sum by (pool) (rate({__name__=~\"c|d\"}[5m]))",
    "min(g)",
    "max by (pool) (g)",
    "count(g) by (pool)",
    "group(c)",
    "quantile(0.7, g)",
    "topk(2, g)",
    "bottomk(1, rate(c[5m]))",
    "topk(3, sum by (host) (g))",
    "limitk(2, g)",
    "limit_ratio(0.5, g)",
    "count_values(\"v\", floor(g / 100))",
    "g offset 10m",
    "g offset -5m",
    "g - g offset 1h",
    "rate(c[5m] offset -3m)",
    "timestamp(g)",
    "g * time()",
    "hour() + count(g)",
    "absent(d)",
    "absent_over_time(g{host=\"h9\"}[5m])",
    "avg_over_time(g[5m])",
    "sum_over_time(g[90s])",
    "max_over_time(g[10m])",
    "stddev_over_time(g[4m])",
    "quantile_over_time(0.9, g[5m])",
    "changes(g[5m])",
    "resets(c[10m])",
    "last_over_time(g[20m])",
    "predict_linear(g[5m], 60)",
    "max_over_time(rate(c[1m])[10m:30s])",
    "sum_over_time(sum(g)[5m:])",
    "avg_over_time(g[5m:1m] offset 2m)",
    "min_over_time(avg_over_time(g[2m])[5m:45s])",
    "histogram_quantile(0.9, sum(rate(t[2m])))",
    "sum(increase(t[1m]))",
    "sum(h)",
    "rate(h[5m])",
    "histogram_count(h)",
    "avg(rate(h[4m]))",
    "g > 300",
    "g and on (host) c",
    "g or c",
    "c unless on (host) d",
    "g / on (host) group_left sum by (host) (c)",
    "scalar(sum(g))",
    "vector(scalar(sum(g) > 100))",
    "label_replace(g, \"x\", \"$1\", \"host\", \"h(.*)\")",
    "clamp(g, 10, 500)",
    "-sum(abs(g))",
    "sum(g * 2)",
    "sum(-g)",
    "rate(c[1m] anchored)",
    "increase(c[3m] smoothed)",
    "g smoothed",
    "g @ end()",
    "sum(g @ start()) + sum(g)",
    "range() * sum(g)",
    "sort(g)",
    "rate(g[5m])",
];

/// Some panels that are asked again and again.
pub(crate) fn panels(chance: &mut Chance) -> Vec<Panel> {
    (0..10).map(|_| panel(chance)).collect()
}

fn panel(chance: &mut Chance) -> Panel {
    let step = *chance.pick(&[5, 10, 15, 30, 60, 90]) * 1_000;
    let phase = if chance.one_in(3) { chance.below(step) } else { 0 };
    let queries = if chance.one_in(2) { DELICATE } else { QUERIES };
    Panel { query: chance.pick::<&str>(queries), range: step * (1 + chance.below(60)), step, phase }
}

/// Mostly a panel up to now, some steps later than the last time.
pub(crate) fn question(panels: &mut [Panel], world: &World, chance: &mut Chance) -> Question {
    let at = chance.below(panels.len() as i64) as usize;
    if chance.one_in(25) {
        panels[at] = panel(chance);
    }
    let Panel { query, mut range, step, mut phase } = panels[at];
    if chance.one_in(20) {
        phase = chance.below(step);
    }
    let mut end = world.now();
    if chance.one_in(4) {
        // Someone scrolls, or zooms.
        let hours = *chance.pick(&[1, 3, 8]);
        end += 300_000 - chance.below(hours * 3_600_000);
        range = step * chance.below(90);
    }
    end = (end - phase).div_euclid(step) * step + phase;
    Question { query, start: end - range, end, step }
}

/// Whether some of an answer was kept. It must be what one without a cache is.
pub(crate) fn compare(engine: &Engine, cache: &ResultCache, world: &World, question: &Question, seed: u64) -> bool {
    let ask = |cache: &ResultCache| {
        let remembered = Remembered { cache, asker: "", now: Timestamp(world.now()) };
        let range = (Timestamp(question.start), Timestamp(question.end));
        let step = Duration::from_millis(question.step as u64);
        engine.range_remembered(&remembered, world.store(), question.query, range, step)
    };
    let cached = ask(cache);
    let kept = cached.as_ref().is_ok_and(|answer| answer.kept_steps > 0);
    let told = |outcome: Result<Answer, _>| outcome.map_or_else(|error| format!("{error:?}"), |answer| told(&answer));
    let (cached, plain) = (told(cached), told(ask(&ResultCache::new(0))));
    let Question { query, start, end, step } = question;
    let differs = cached.lines().zip(plain.lines()).find(|(cached, plain)| cached != plain);
    assert!(
        cached == plain,
        "seed {seed}: {query} from {start} to {end} by {step}, now {}: {differs:?}, {} and {} lines",
        world.now(),
        cached.lines().count(),
        plain.lines().count(),
    );
    kept
}

/// All of an answer, to the bit.
fn told(answer: &Answer) -> String {
    use std::fmt::Write;
    let mut told = format!("{:?} {:?} {:?}\n", answer.warnings, answer.infos, answer.tiers);
    let Data::Matrix(lines) = &answer.data else { panic!("not a matrix") };
    for line in lines {
        let _ = write!(told, "{}", line.labels);
        line.floats.iter().for_each(|(time, value)| _ = write!(told, " {}:{:x}", time.millis(), value.to_bits()));
        line.histograms.iter().for_each(|(time, one)| _ = write!(told, " {}:{one:?}", time.millis()));
        told.push('\n');
    }
    told
}
