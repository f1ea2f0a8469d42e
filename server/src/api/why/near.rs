//! What is stored instead: the metric with other labels, of another tenant, or another that may have been meant.

use std::time::Duration;

use weir_query::{Allow, MatchOp, Matcher, NAME, QueryError};
use weir_sample::{Timestamp, legal_metric_name};

use super::asked::TENANT;
use super::report::{State, Step, Verdict};
use super::store::Told;
use super::walk::Walk;

/// Names and values that are told at most.
const MOST_TOLD: usize = 5;

/// What names of metrics get at their end on their way from some senders.
const ENDS: [&str; 10] =
    ["_total", "_count", "_sum", "_bucket", "_seconds", "_seconds_total", "_bytes", "_bytes_total", "_ratio", "_info"];

/// Called where nothing fits. `becomes`: the selector that rules make of it.
pub(super) fn look(
    walk: &Walk<'_>,
    longest: Duration,
    becomes: Option<&str>,
    allow: Allow<'_>,
) -> Result<Told, QueryError> {
    let asked = &walk.asked;
    let (start, end) = (asked.at.minus(longest), asked.at);
    if let Some(tenant) =
        asked.known.label(TENANT).filter(|named| walk.asker.tenant().is_some_and(|own| own.to_string() != **named))
    {
        let sentence = format!("this token does not see what is of tenant {tenant}");
        return Ok(told(State::Missing, sentence, Verdict::OtherTenant, Vec::new()));
    }
    let named =
        |name: &str| Matcher::new(NAME, MatchOp::Equal, name).map_err(|error| QueryError::Source(Box::new(error)));
    let has = |matchers: &[Matcher], allow: Allow<'_>| {
        walk.source.label_values(NAME, matchers, start, end, allow).map(|names| !names.is_empty())
    };
    let name = named(&asked.name)?;
    if has(std::slice::from_ref(&name), allow)? {
        return other_labels(walk, &name, (start, end), allow);
    }
    let legal = legal_metric_name(&asked.name);
    if *legal != *asked.name && has(&[named(&legal)?], allow)? {
        let sentence =
            format!("it is stored as {legal}: StatsD, Graphite and the like mend names to Prometheus' letters");
        return Ok(told(State::Missing, sentence, Verdict::Renamed, vec![legal.into_owned()]));
    }
    let names = walk.source.label_values(NAME, &[], start, end, allow)?;
    let mut meant: Vec<String> = becomes.map(str::to_owned).into_iter().collect();
    meant.extend(alike(&asked.name, &names));
    let sentence = match meant.as_slice() {
        [] => format!("nothing of the name {} is stored, nor of one like it", asked.name),
        [one] => format!("nothing of the name {} is stored; did you mean {one}?", asked.name),
        several => format!("nothing of the name {} is stored; did you mean one of {}?", asked.name, several.join(", ")),
    };
    Ok(told(State::Missing, sentence, Verdict::NeverSeen, meant))
}

fn told(state: State, sentence: String, verdict: Verdict, suggestions: Vec<String>) -> Told {
    Told { step: Step::new("store", state, sentence), verdict: Some(verdict), suggestions }
}

/// The name is stored: which condition is it that no series of it meets?
fn other_labels(
    walk: &Walk<'_>,
    name: &Matcher,
    (start, end): (Timestamp, Timestamp),
    allow: Allow<'_>,
) -> Result<Told, QueryError> {
    let asked = &walk.asked;
    for matcher in asked.matchers.iter().filter(|matcher| matcher.label() != NAME) {
        let label = matcher.label();
        let values = walk.source.label_values(label, std::slice::from_ref(name), start, end, allow)?;
        // A label that a series lacks is empty.
        if values.iter().any(|value| matcher.accepts(value)) || matcher.accepts("") {
            continue;
        }
        let condition = format!("{label}{}{:?}", matcher.op().text(), matcher.value());
        if label == TENANT {
            let others = if values.is_empty() { "0".to_owned() } else { listed(&values) };
            let sentence = format!("{} is stored, of tenant {others} and not of {}", asked.name, matcher.value());
            return Ok(told(State::Missing, sentence, Verdict::OtherTenant, Vec::new()));
        }
        let nearest = nearest(matcher.value(), values.iter().map(String::as_str));
        let meant: Vec<String> = nearest.iter().map(|value| format!("{}{{{label}={value:?}}}", asked.name)).collect();
        let has = match values.as_slice() {
            [] => format!("it has no label {label}"),
            _ => format!("its {label} is {}", listed(&values)),
        };
        let sentence = format!("{} is stored, but no series of it has {condition}: {has}", asked.name);
        return Ok(told(State::Missing, sentence, Verdict::OtherLabels, meant));
    }
    let sentence = format!("{} is stored, and each of these labels too, but no series has them all", asked.name);
    Ok(told(State::Missing, sentence, Verdict::OtherLabels, Vec::new()))
}

fn listed(values: &[String]) -> String {
    let shown: Vec<_> = values.iter().take(MOST_TOLD).map(String::as_str).collect();
    let more = values.len().saturating_sub(MOST_TOLD);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

/// Names that may have been meant, the likeliest first.
fn alike(asked: &str, names: &[String]) -> Vec<String> {
    let mended = legal_metric_name(asked).to_lowercase();
    let rank = |name: &String| {
        let lower = legal_metric_name(name).to_lowercase();
        let ends = |short: &str, long: &str| long.strip_prefix(short).is_some_and(|end| ENDS.contains(&end));
        match () {
            () if lower == mended => Some(0),
            () if ends(&mended, &lower) || ends(&lower, &mended) => Some(1),
            () => distance(&mended, &lower, most(&mended)).map(|distance| 1 + distance),
        }
    };
    let mut ranked: Vec<_> = names.iter().filter_map(|name| Some((rank(name)?, name))).collect();
    ranked.sort_unstable();
    ranked.into_iter().take(MOST_TOLD).map(|(_, name)| name.clone()).collect()
}

/// The value that is likest, if one is like it.
pub(super) fn nearest<'v>(asked: &str, values: impl Iterator<Item = &'v str>) -> Option<&'v str> {
    let lower = asked.to_lowercase();
    let ranked = values.filter_map(|value| Some((distance(&lower, &value.to_lowercase(), most(&lower))?, value)));
    ranked.min().map(|(_, value)| value)
}

/// Slips of the keyboard that a word of this length may have.
fn most(word: &str) -> usize {
    (word.chars().count() / 4).clamp(1, 4)
}

/// Letters to put in, take out, exchange or swap with their neighbour to make one word of the other, if they are few.
fn distance(one: &str, other: &str, most: usize) -> Option<usize> {
    if one.chars().count().abs_diff(other.chars().count()) > most {
        return None;
    }
    Some(strsim::osa_distance(one, other)).filter(|distance| *distance <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_alike_are_found_likeliest_first() {
        let names = ["http_requests_total", "HTTP_requests", "http_request", "http_requests2", "up", "upd", "k6_a"];
        let names: Vec<String> = names.map(str::to_owned).into();
        let check = |asked: &str, expected: &[&str]| assert_eq!(alike(asked, &names), expected, "{asked}");
        check("http_requests", &["HTTP_requests", "http_requests_total", "http_request", "http_requests2"]);
        check("k6.a", &["k6_a"]);
        check("up", &["up", "upd"]);
        check("down", &[]);
    }

    #[test]
    fn distance_counts_slips_of_the_keyboard() {
        let check = |one: &str, other: &str, expected: Option<usize>| {
            assert_eq!(distance(one, other, 2), expected, "{one} {other}")
        };
        check("web-1", "web-1", Some(0));
        check("web-1", "wbe-1", Some(1));
        check("web-1", "web1", Some(1));
        check("web-1", "wep-2", Some(2));
        check("web-1", "db", None);
        check("web-1", "w", None);
        check("", "ab", Some(2));
        assert_eq!(nearest("WEB-1", ["db-1", "web-11", "web-2"].into_iter()), Some("web-11"));
    }
}
