//! Times and spans.

use weir_sample::Timestamp;

use super::super::time::Moment;
use super::super::value::Value;
use super::super::world::Functions;
use super::super::world::World;
use super::arguments::{number_of, text_of, wrong_count};
use crate::duration::duration;

pub(super) const NAMES: &[&str] = &["now", "toTime", "toDuration", "parseDuration", "date", "tz", "since", "toDate"];

pub(super) fn call(name: &str, arguments: &[Value], world: &World<'_>) -> Result<Value, String> {
    match (name, arguments) {
        ("now", []) if world.functions == Functions::Rules => Ok(Value::Float(world.now.as_secs_f64())),
        ("now", []) => Ok(Value::Time(Moment::utc(world.now))),
        ("toTime", [seconds]) => Ok(Value::Time(Moment::utc(Timestamp((number_of(seconds)? * 1e3) as i64)))),
        ("toDuration", [seconds]) => Ok(Value::Span((number_of(seconds)? * 1e9) as i64)),
        ("parseDuration", [text]) => parsed(text_of(text)?),
        ("date", [layout, Value::Time(moment)]) => Ok(Value::text(moment.format(text_of(layout)?))),
        ("tz", [zone, Value::Time(moment)]) => moment.within(text_of(zone)?).map(Value::Time),
        ("since", [Value::Time(moment)]) => Ok(Value::Span(Moment::utc(world.now).since(moment))),
        ("toDate", [layout, text]) => parsed_by(text_of(layout)?, text_of(text)?),
        ("date" | "tz" | "since", [.., other]) => {
            Err(format!("wrong type for value; expected time.Time; got {}", other.kind()))
        }
        _ => Err(wrong_count(name)),
    }
}

/// Prometheus' spans (`1h30m`), in seconds; a minus may stand before.
fn parsed(text: &str) -> Result<Value, String> {
    let (sign, digits) = text.strip_prefix('-').map_or((1.0, text), |digits| (-1.0, digits));
    duration(digits).map(|span| Value::Float(sign * span.as_secs_f64()))
}

/// Reads what [`Moment::format`] would have written by `layout`, for the layouts that dates are commonly in.
fn parsed_by(layout: &str, text: &str) -> Result<Value, String> {
    let told = || format!("parsing time {text:?} as {layout:?}: cannot parse");
    let directives =
        [("2006", "%Y"), ("01", "%m"), ("02", "%d"), ("15", "%H"), ("04", "%M"), ("05", "%S"), ("Z07:00", "%:z")];
    let directives = directives.into_iter().chain([("-07:00", "%:z"), ("-0700", "%z"), ("Jan", "%b"), ("Mon", "%a")]);
    let format = directives.fold(layout.to_owned(), |format, (from, to)| format.replacen(from, to, 1));
    let text = if format.contains("%:z") { text.replace('Z', "+00:00") } else { text.to_owned() };
    let parts = jiff::fmt::strtime::parse(&format, &text).map_err(|_| told())?;
    let at = parts.to_timestamp().or_else(|_| {
        let day = parts.to_datetime().or_else(|_| parts.to_date().map(Into::into))?;
        day.to_zoned(jiff::tz::TimeZone::UTC).map(|zoned| zoned.timestamp())
    });
    at.map(|at| Value::Time(Moment::utc(Timestamp(at.as_millisecond())))).map_err(|_| told())
}
