//! Parameters of a request, from the URL's query and a form alike; a name may come more than once.

use std::time::Duration;

use weir_query::{Answer, Data, Engine, Matcher, QueryError};
use weir_sample::Timestamp;

use super::time;

/// Names and values in the order in which they came, the form's first.
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(crate) fn of(url: Option<&str>, form: &[u8]) -> Self {
        let form = String::from_utf8_lossy(form);
        let pairs = form.split('&').chain(url.unwrap_or_default().split('&')).filter(|pair| !pair.is_empty());
        Self(
            pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(n, v)| (decode(n), decode(v))).collect(),
        )
    }

    /// The first value of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, QueryError> {
        self.get(name).filter(|value| !value.is_empty()).ok_or_else(|| missing(name))
    }

    pub(super) fn required_time(&self, name: &str) -> Result<Timestamp, QueryError> {
        self.time(name)?.ok_or_else(|| missing(name))
    }

    pub(crate) fn time(&self, name: &str) -> Result<Option<Timestamp>, QueryError> {
        let parse = |text| time::timestamp(text).ok_or_else(|| invalid(name, text, "a valid timestamp"));
        self.get(name).filter(|text| !text.is_empty()).map(parse).transpose()
    }

    pub(super) fn duration(&self, name: &str) -> Result<Option<Duration>, QueryError> {
        let parse = |text| time::duration(text).ok_or_else(|| invalid(name, text, "a valid duration"));
        self.get(name).filter(|text| !text.is_empty()).map(parse).transpose()
    }

    /// Whether a switch is on.
    pub(super) fn says(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !matches!(value, "" | "0" | "false" | "no" | "off"))
    }

    /// Whether the answer is to say what it took: anything but nothing, as in Prometheus.
    pub(super) fn wants_stats(&self) -> bool {
        self.get("stats").is_some_and(|stats| !stats.is_empty())
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<usize>, QueryError> {
        let parse = |text: &str| text.parse().map_err(|_| invalid(name, text, "a number"));
        self.get(name).filter(|text| !text.is_empty()).map(parse).transpose()
    }

    /// `start` and `end`; without them, all time.
    pub(super) fn times(&self) -> Result<(Timestamp, Timestamp), QueryError> {
        let (start, end) = (self.time("start")?, self.time("end")?);
        Ok((start.unwrap_or(Timestamp(i64::MIN)), end.unwrap_or(Timestamp(i64::MAX))))
    }

    /// The conditions of each `match[]`.
    pub(super) fn selectors(&self, engine: &Engine) -> Result<Vec<Vec<Matcher>>, QueryError> {
        self.all("match[]").map(|text| engine.selector(text)).collect()
    }

    /// An answer of at most `limit` series.
    pub(super) fn cut(&self, mut answer: Answer) -> Result<Answer, QueryError> {
        let warnings = match std::mem::replace(&mut answer.data, Data::Vector(Vec::new())) {
            Data::Vector(samples) => {
                let (samples, warnings) = self.limited(samples)?;
                answer.data = Data::Vector(samples);
                warnings
            }
            Data::Matrix(lines) => {
                let (lines, warnings) = self.limited(lines)?;
                answer.data = Data::Matrix(lines);
                warnings
            }
            other => {
                answer.data = other;
                Vec::new()
            }
        };
        answer.warnings.extend(warnings);
        Ok(answer)
    }

    /// At most `limit` of the items, with a warning if that left some out; 0 is no limit.
    pub(super) fn limited<T>(&self, items: impl IntoIterator<Item = T>) -> Result<(Vec<T>, Vec<String>), QueryError> {
        let mut items: Vec<T> = items.into_iter().collect();
        let limit = match self.get("limit") {
            None | Some("" | "0") => return Ok((items, Vec::new())),
            Some(text) => text.parse().map_err(|_| invalid("limit", text, "a number"))?,
        };
        let cut = items.len() > limit;
        items.truncate(limit);
        Ok((items, if cut { vec!["results truncated due to limit".into()] } else { Vec::new() }))
    }
}

pub(super) fn missing(name: &str) -> QueryError {
    QueryError::Parameter(format!("invalid parameter \"{name}\": it is missing"))
}

fn invalid(name: &str, text: &str, what: &str) -> QueryError {
    QueryError::Parameter(format!("invalid parameter \"{name}\": cannot parse \"{text}\" to {what}"))
}

/// Undoes percent-encoding; what is none stays as it is.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%').and_then(byte_of);
        decoded.push(hex.unwrap_or(if bytes[at] == b'+' { b' ' } else { bytes[at] }));
        at += if hex.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn byte_of(hex: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    Some((digit(hex[0])? * 16 + digit(hex[1])?) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_decoded() {
        let parameters = Parameters::of(Some("b=1+2%2B&a=%C3%A9%&match[]=x&match%5B%5D=y&b=2"), b"b=form&c");
        assert_eq!(parameters.get("a"), Some("é%"));
        assert_eq!(parameters.all("b").collect::<Vec<_>>(), ["form", "1 2+", "2"]);
        assert_eq!((parameters.get("c"), parameters.get("d")), (Some(""), None));
        assert_eq!(parameters.selectors(&Engine::default()).map(|all| all.len()).ok(), Some(2));
    }
}
