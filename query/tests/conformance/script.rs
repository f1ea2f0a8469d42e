//! Lines of a table to commands.

use weir_query::LabelSet;
use weir_query::syntax::read_duration;
use weir_query::table::{Written, metric, split, values};

/// What a table says to do.
pub(crate) enum Command {
    Clear,
    Load(Load),
    Eval(Box<Eval>),
}

/// Series and the distance of their samples in milliseconds.
pub(crate) struct Load {
    pub(crate) every: i64,
    /// Classic histograms are loaded as such with bounds of their own as well.
    pub(crate) with_nhcb: bool,
    pub(crate) series: Vec<(LabelSet, Vec<Option<Written>>)>,
    /// Milliseconds from samples back to since when they count.
    pub(crate) starts: Vec<(LabelSet, Vec<Option<i64>>)>,
}

/// When a query is asked, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    At(i64),
    Range { start: i64, end: i64, step: i64 },
}

/// A message that is told, or what it looks like.
pub(crate) enum Message {
    Any,
    Exact(String),
    Like(regex::Regex),
}

impl Message {
    pub(crate) fn fits(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => exact == text,
            Self::Like(pattern) => pattern.is_match(text),
        }
    }
}

/// A query and what it must come to.
pub(crate) struct Eval {
    pub(crate) line: usize,
    pub(crate) when: When,
    pub(crate) query: String,
    pub(crate) fails: Option<Message>,
    pub(crate) is_ordered: bool,
    pub(crate) warnings: Vec<Message>,
    pub(crate) infos: Vec<Message>,
    pub(crate) no_warnings: bool,
    pub(crate) no_infos: bool,
    pub(crate) text: Option<String>,
    /// Times of an instant query's range.
    pub(crate) times: Option<(i64, i64, i64)>,
    pub(crate) scalar: Option<f64>,
    pub(crate) series: Vec<(LabelSet, Vec<Option<Written>>)>,
}

/// A table that is no table: its line and why.
pub(crate) type Bad = (usize, String);

pub(crate) fn commands(text: &str) -> Result<Vec<Command>, Bad> {
    let line = |line: &str| match line.trim() {
        line if line.starts_with('#') => String::new(),
        line => line.to_owned(),
    };
    let lines: Vec<String> = text.lines().map(line).collect();
    let (mut commands, mut at) = (Vec::new(), 0);
    while at < lines.len() {
        let first = &lines[at];
        let body = |at: usize| lines[at + 1..].iter().take_while(|line| !line.is_empty()).count();
        if first.is_empty() {
            at += 1;
            continue;
        }
        let more = if first == "clear" { 0 } else { body(at) };
        let rest = &lines[at + 1..=at + more];
        commands.push(match first.split_whitespace().next().unwrap_or_default() {
            "clear" => Command::Clear,
            word if word.starts_with("load") => Command::Load(load(first, rest, at)?),
            word if word.starts_with("eval") => Command::Eval(Box::new(eval(first, rest, at)?)),
            word => return Err((at + 1, format!("unknown command {word:?}"))),
        });
        at += more + 1;
    }
    Ok(commands)
}

pub(crate) fn millis(text: &str) -> Result<i64, String> {
    if text == "0" {
        return Ok(0);
    }
    read_duration(text).map(|duration| duration.as_millis() as i64).map_err(|_| format!("{text:?} is no duration"))
}

fn load(first: &str, rest: &[String], at: usize) -> Result<Load, Bad> {
    let (word, every) = first.split_once(char::is_whitespace).unwrap_or((first, ""));
    let every = millis(every.trim()).map_err(|problem| (at + 1, problem))?;
    let mut load = Load { every, with_nhcb: word == "load_with_nhcb", series: Vec::new(), starts: Vec::new() };
    for (index, line) in rest.iter().enumerate() {
        let bad = |problem: String| (at + index + 2, problem);
        let starts = line.split_whitespace().next().and_then(|word| word.strip_suffix("@st"));
        if let Some(series) = starts {
            let offsets = &line[series.len() + "@st".len()..];
            load.starts.push((metric(series).map_err(bad)?, start_offsets(offsets).map_err(bad)?));
            continue;
        }
        let (series, samples) = split(line);
        load.series.push((metric(series).map_err(bad)?, values(samples).map_err(bad)?));
    }
    Ok(load)
}

/// `-1m`, `-1mx3`, `-30s-1mx2`, `_`, `_x3`.
fn start_offsets(text: &str) -> Result<Vec<Option<i64>>, String> {
    let mut offsets = Vec::new();
    for word in text.split_whitespace() {
        let (word, times) = match word.rsplit_once('x') {
            Some((word, times)) => (word, Some(times.parse::<usize>().map_err(|_| format!("{word:?}"))?)),
            None => (word, None),
        };
        if word == "_" {
            offsets.extend((0..times.unwrap_or(1)).map(|_| None));
            continue;
        }
        let second = word.char_indices().skip(1).find(|(_, c)| "+-".contains(*c)).map_or(word.len(), |(at, _)| at);
        let (mut offset, step) = (signed(&word[..second])?, &word[second..]);
        let step = if step.is_empty() { 0 } else { signed(step)? };
        for _ in 0..=times.unwrap_or(0) {
            offsets.push(Some(offset));
            offset += step;
        }
    }
    Ok(offsets)
}

fn signed(text: &str) -> Result<i64, String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    Ok(sign * millis(digits)?)
}

fn eval(first: &str, rest: &[String], at: usize) -> Result<Eval, Bad> {
    let bad = |problem: String| (at + 1, problem);
    let (word, when) = first.split_once(char::is_whitespace).ok_or_else(|| bad("eval of nothing".into()))?;
    let (when, query) = when_of(when.trim()).map_err(bad)?;
    let mut eval = Eval {
        line: at + 1,
        when,
        query,
        fails: (word == "eval_fail").then_some(Message::Any),
        is_ordered: word == "eval_ordered",
        warnings: if word == "eval_warn" { vec![Message::Any] } else { Vec::new() },
        infos: if word == "eval_info" { vec![Message::Any] } else { Vec::new() },
        no_warnings: false,
        no_infos: false,
        text: None,
        times: None,
        scalar: None,
        series: Vec::new(),
    };
    for (index, line) in rest.iter().enumerate() {
        expected(&mut eval, line).map_err(|problem| (at + index + 2, problem))?;
    }
    Ok(eval)
}

/// `instant at 5m x`, `range from 0 to 5m step 1m x`.
fn when_of(text: &str) -> Result<(When, String), String> {
    let bad = || format!("{text:?} says neither when nor what");
    let mut rest = text;
    let mut word = || {
        let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        rest = after.trim_start();
        word
    };
    let when = match word() {
        "instant" if word() == "at" => When::At(millis(word())?),
        "range" => {
            let mut part = |name: &str| if word() == name { millis(word()) } else { Err(bad()) };
            When::Range { start: part("from")?, end: part("to")?, step: part("step")? }
        }
        _ => return Err(bad()),
    };
    Ok((when, rest.to_owned()))
}

fn expected(eval: &mut Eval, line: &str) -> Result<(), String> {
    if let Some(said) = line.strip_prefix("expect ") {
        return expectation(eval, said.trim());
    }
    if let Some(message) = line.strip_prefix("expected_fail_message") {
        eval.fails = Some(Message::Exact(message.trim().to_owned()));
    } else if let Some(pattern) = line.strip_prefix("expected_fail_regexp") {
        eval.fails = Some(like(pattern)?);
    } else if let Ok(number) = line.parse() {
        eval.scalar = Some(number);
    } else {
        let (series, samples) = split(line);
        eval.series.push((metric(series)?, values(samples)?));
    }
    Ok(())
}

fn like(pattern: &str) -> Result<Message, String> {
    regex::Regex::new(pattern.trim()).map(Message::Like).map_err(|error| error.to_string())
}

fn expectation(eval: &mut Eval, said: &str) -> Result<(), String> {
    if let Some(range) = said.strip_prefix("range vector") {
        let words: Vec<&str> = range.split_whitespace().collect();
        let ["from", from, "to", to, "step", step] = words.as_slice() else { return Err(format!("{said:?}")) };
        eval.times = Some((millis(from)?, millis(to)?, millis(step)?));
        return Ok(());
    }
    if let Some(text) = said.strip_prefix("string") {
        let text = text.trim();
        eval.text = Some(text.get(1..text.len() - 1).unwrap_or_default().to_owned());
        return Ok(());
    }
    let (kind, rest) = said.split_once(char::is_whitespace).unwrap_or((said, ""));
    let message = match rest.trim().split_once(':') {
        Some(("msg", text)) => Message::Exact(text.trim().to_owned()),
        Some(("regex", pattern)) => like(pattern)?,
        _ => Message::Any,
    };
    match kind {
        "fail" => eval.fails = Some(message),
        "warn" => eval.warnings.push(message),
        "info" => eval.infos.push(message),
        "no_warn" => eval.no_warnings = true,
        "no_info" => eval.no_infos = true,
        "ordered" => eval.is_ordered = true,
        other => return Err(format!("nothing expects {other:?}")),
    }
    Ok(())
}
