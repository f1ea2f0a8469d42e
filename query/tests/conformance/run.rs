//! Asks a table's queries.

use std::collections::BTreeMap;
use std::time::Duration;

use weir_query::table::{Memory, Written};
use weir_query::{Answer, Data, Engine, LabelSet, Limits, Point, QueryError};
use weir_sample::{CUSTOM_BOUNDS, Parts, ResetHint, Series, Timestamp};

use crate::compare::{at, check, vector};
use crate::script::{Command, Eval, Load, Message, When, commands};

/// How a table went.
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) asked: usize,
    pub(crate) wrong: Vec<String>,
}

pub(crate) fn table(name: String, text: &str) -> Table {
    let mut table = Table { name, asked: 0, wrong: Vec::new() };
    let commands = match commands(text) {
        Ok(commands) => commands,
        Err((line, problem)) => {
            table.asked = 1;
            table.wrong.push(format!("line {line}: {problem}"));
            return table;
        }
    };
    let engine = Engine::new(Limits { delayed_name_removal: true, ..Limits::default() });
    let mut memory = Memory::default();
    for command in commands {
        match command {
            Command::Clear => memory = Memory::default(),
            Command::Load(load) => fill(&mut memory, &load),
            Command::Eval(eval) => {
                table.asked += 1;
                if let Err(problem) = ask(&engine, &memory, &eval) {
                    table.wrong.push(format!("line {}: {}: {problem}", eval.line, eval.query));
                }
            }
        }
    }
    table
}

fn series(labels: &LabelSet) -> Series {
    Series::new(labels.name(), labels.labels())
}

fn fill(memory: &mut Memory, load: &Load) {
    let time = |at: usize| Timestamp(at as i64 * load.every);
    for (labels, values) in &load.series {
        let series = series(labels);
        for (index, written) in values.iter().enumerate() {
            if let Some(Written { point, .. }) = written {
                memory.add(&series, time(index), point.clone());
            }
        }
    }
    for (labels, offsets) in &load.starts {
        let series = series(labels);
        for (index, offset) in offsets.iter().enumerate() {
            if let Some(offset) = offset {
                memory.start(&series, time(index), Timestamp(time(index).millis() + offset));
            }
        }
    }
    if load.with_nhcb {
        fill_with_bounds(memory, load);
    }
}

/// The parts of one classic histogram at one time: cumulative counts by bound, count and sum.
#[derive(Default)]
struct Classic {
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

fn fill_with_bounds(memory: &mut Memory, load: &Load) {
    let mut all: BTreeMap<LabelSet, BTreeMap<i64, Classic>> = BTreeMap::new();
    for (labels, values) in &load.series {
        let name = labels.name();
        let Some(end) = ["_bucket", "_count", "_sum"].into_iter().find(|end| name.ends_with(end)) else { continue };
        let bound: Result<f64, _> = labels.value("le").parse();
        let base = labels.with("__name__", name.strip_suffix(end).unwrap_or(name)).with("le", "");
        for (index, written) in values.iter().enumerate() {
            let Some(Written { point: Point::Float(value), .. }) = written else { continue };
            let classic = all.entry(base.clone()).or_default().entry(index as i64 * load.every).or_default();
            match (end, &bound) {
                ("_bucket", Ok(bound)) if !bound.is_nan() => classic.buckets.push((*bound, *value)),
                ("_count", _) => classic.count = Some(*value),
                ("_sum", _) => classic.sum = *value,
                _ => {}
            }
        }
    }
    for (labels, times) in all {
        let series = series(&labels);
        for (time, classic) in times {
            if let Some(histogram) = with_bounds(classic) {
                memory.add(&series, Timestamp(time), Point::Histogram(Box::new(histogram)));
            }
        }
    }
}

fn with_bounds(mut classic: Classic) -> Option<weir_sample::Histogram> {
    classic.buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
    classic.buckets.dedup_by(|later, kept| later.0 == kept.0);
    if classic.buckets.windows(2).any(|pair| pair[1].1 < pair[0].1) {
        return None;
    }
    let count = classic.count.or(classic.buckets.last().map(|(_, count)| *count))?;
    if classic.buckets.last().is_none_or(|(bound, _)| *bound != f64::INFINITY) {
        classic.buckets.push((f64::INFINITY, count));
    }
    let mut before = 0.0;
    let mut weight = |(index, (_, count)): (usize, &(f64, f64))| {
        let weight = count - before;
        before = *count;
        (index as i32, weight)
    };
    let positive = classic.buckets.iter().enumerate().map(&mut weight).collect();
    let bounds = classic.buckets.iter().map(|(bound, _)| *bound).filter(|bound| bound.is_finite()).collect();
    let hint = ResetHint::Unknown;
    let (scale, sum) = (CUSTOM_BOUNDS, classic.sum);
    let (zero_threshold, zero, negative) = (0.0, 0.0, Vec::new());
    Parts { scale, hint, zero_threshold, zero, count, sum, positive, negative, bounds }.histogram()
}

fn ask(engine: &Engine, memory: &Memory, eval: &Eval) -> Result<(), String> {
    match eval.when {
        When::At(time) => instant(engine, memory, eval, time),
        When::Range { start, end, step } => {
            let times: Vec<i64> = (start..=end).step_by(step as usize).collect();
            let outcome = range(engine, memory, &eval.query, (start, end, step));
            finish(eval, outcome, |answer| check(eval, &answer.data, &times))
        }
    }
}

fn range(
    engine: &Engine,
    memory: &Memory,
    query: &str,
    (start, end, step): (i64, i64, i64),
) -> Result<Answer, QueryError> {
    engine.range(memory, query, Timestamp(start), Timestamp(end), Duration::from_millis(step as u64))
}

/// An instant query, and then the same in the middle of a range.
fn instant(engine: &Engine, memory: &Memory, eval: &Eval, time: i64) -> Result<(), String> {
    let times: Vec<i64> = match eval.times {
        Some((from, to, step)) => (from..=to).step_by(step as usize).collect(),
        None => vec![time],
    };
    let is_scalar = std::cell::Cell::new(false);
    finish(eval, engine.instant(memory, &eval.query, Timestamp(time)), |answer| {
        is_scalar.set(matches!(answer.data, Data::Scalar(..)));
        check(eval, &answer.data, &times)
    })?;
    let tells_context = ["start()", "end()", "range()", "step()"].iter().any(|call| eval.query.contains(call));
    if eval.fails.is_some() || eval.times.is_some() || eval.text.is_some() || eval.is_ordered || tells_context {
        return Ok(());
    }
    let answer = range(engine, memory, &eval.query, (time - 60_000, time + 60_000, 60_000))
        .map_err(|error| format!("as a range: {}", error.message()))?;
    let Data::Matrix(lines) = &answer.data else { return Err("a range query without a matrix".into()) };
    vector(eval, &at(lines, time)).map_err(|problem| format!("as a range: {problem}"))
}

fn finish(
    eval: &Eval,
    outcome: Result<Answer, QueryError>,
    check: impl FnOnce(&Answer) -> Result<(), String>,
) -> Result<(), String> {
    let answer = match (outcome, &eval.fails) {
        (Err(error), Some(message)) => {
            let text = error.message();
            return if message.fits(&text) { Ok(()) } else { Err(format!("fails otherwise: {text}")) };
        }
        (Err(error), None) => return Err(error.message()),
        (Ok(_), Some(_)) => return Err("does not fail".into()),
        (Ok(answer), None) => answer,
    };
    notes("warning", &eval.warnings, eval.no_warnings, &answer.warnings)?;
    notes("info", &eval.infos, eval.no_infos, &answer.infos)?;
    check(&answer)
}

fn notes(kind: &str, expected: &[Message], none: bool, got: &[String]) -> Result<(), String> {
    if none && !got.is_empty() {
        return Err(format!("unexpected {kind} {got:?}"));
    }
    if expected.is_empty() {
        return Ok(());
    }
    if expected.iter().any(|message| !got.iter().any(|got| message.fits(got))) {
        return Err(format!("a {kind} is missing among {got:?}"));
    }
    match got.iter().find(|got| !expected.iter().any(|message| message.fits(got))) {
        Some(other) => Err(format!("unexpected {kind} {other:?}")),
        None => Ok(()),
    }
}
