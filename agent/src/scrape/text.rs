//! The Prometheus text format and OpenMetrics: lines in, samples out. A line that is neither is skipped and counted.

use std::borrow::Cow;
use std::collections::HashMap;

/// One sample line.
#[derive(Debug, PartialEq)]
pub(super) struct Sample<'a> {
    pub name: &'a str,
    pub labels: Vec<(&'a str, Cow<'a, str>)>,
    pub value: f64,
    /// Whether it only ever grows, but for resets.
    pub cumulative: bool,
}

/// Calls with every sample; returns how many lines are malformed.
pub(super) fn parse<'a>(text: &'a str, mut each: impl FnMut(Sample<'a>)) -> u64 {
    let mut types: HashMap<&str, &str> = HashMap::new();
    let mut malformed = 0;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(comment) = line.strip_prefix('#') {
            let mut words = comment.split_ascii_whitespace();
            if let (Some("TYPE"), Some(name), Some(kind)) = (words.next(), words.next(), words.next()) {
                types.insert(name, kind);
            }
            continue;
        }
        match sample(line) {
            Some((name, labels, value)) => {
                let kind = Kind::of(name, &types);
                // Absent values and OpenMetrics' times of creation say nothing of their own.
                if !value.is_nan() && kind != Kind::Created {
                    each(Sample { name, labels, value, cumulative: kind == Kind::Cumulative });
                }
            }
            None => malformed += 1,
        }
    }
    malformed
}

#[derive(PartialEq, Eq)]
enum Kind {
    Cumulative,
    Momentary,
    Created,
}

impl Kind {
    fn of(name: &str, types: &HashMap<&str, &str>) -> Self {
        if let Some(kind) = types.get(name) {
            return if *kind == "counter" { Self::Cumulative } else { Self::Momentary };
        }
        for (ending, of) in ENDINGS {
            let Some(kind) = name.strip_suffix(ending).and_then(|family| types.get(family)) else { continue };
            return match of.contains(kind) {
                true if *ending == "_created" => Self::Created,
                true => Self::Cumulative,
                false => Self::Momentary,
            };
        }
        Self::Momentary
    }
}

/// Names that belong to a family, and the types of family in which they are cumulative.
const ENDINGS: &[(&str, &[&str])] = &[
    ("_total", &["counter"]),
    ("_bucket", &["histogram"]),
    ("_count", &["histogram", "summary"]),
    ("_sum", &["histogram", "summary"]),
    ("_created", &["counter", "histogram", "summary"]),
];

type Labels<'a> = Vec<(&'a str, Cow<'a, str>)>;

fn sample(line: &str) -> Option<(&str, Labels<'_>, f64)> {
    let end = line.find(|c: char| c == '{' || c.is_ascii_whitespace())?;
    let (name, mut rest) = line.split_at(end);
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(legal) {
        return None;
    }
    let mut labels = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = read_labels(inside, &mut labels)?;
    }
    // A timestamp and OpenMetrics' exemplar may follow; the window's end is the time here.
    let value = number(rest.split_ascii_whitespace().next()?)?;
    Some((name, labels, value))
}

/// Reads `a="b",c="d"}` and returns what follows.
fn read_labels<'a>(mut rest: &'a str, labels: &mut Labels<'a>) -> Option<&'a str> {
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(after) = rest.strip_prefix('}') {
            return Some(after);
        }
        let (name, after) = rest.split_once('=')?;
        let quoted = after.trim_start().strip_prefix('"')?;
        let end = closing_quote(quoted)?;
        labels.push((name.trim(), unescape(&quoted[..end])));
        rest = &quoted[end + 1..];
    }
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n') => plain.push('\n'),
                Some(other) => plain.push(other),
                None => plain.push('\\'),
            },
            (c, false) => plain.push(c),
        }
    }
    Cow::Owned(plain)
}

fn number(text: &str) -> Option<f64> {
    match text {
        "+Inf" | "Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        "NaN" => Some(f64::NAN),
        text => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Vec<String>, u64) {
        let mut found = Vec::new();
        let malformed = parse(text, |sample| {
            let labels: Vec<_> = sample.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let sign = if sample.cumulative { "+=" } else { "=" };
            found.push(format!("{}[{}] {sign} {}", sample.name, labels.join(" "), sample.value));
        });
        (found, malformed)
    }

    #[test]
    fn types_tell_what_is_cumulative() {
        let text = "# HELP a_total Help # TYPE none.\n# TYPE a_total counter\na_total 3 1700000000000\n\
            # TYPE b counter\nb_total{x=\"1\"} 4 # {trace=\"t\"} 1\nb_created 5\n\
            # TYPE h histogram\nh_bucket{le=\"+Inf\"} 6\nh_sum 7.5\nh_count 6\n\
            # TYPE s summary\ns{quantile=\"0.5\"} 8\ns_count 9\n# TYPE g gauge\ng -1e3\ng_count 2\nu 1\nn NaN\n# EOF\n";
        let expected = [
            "a_total[] += 3",
            "b_total[x=1] += 4",
            "h_bucket[le=+Inf] += 6",
            "h_sum[] += 7.5",
            "h_count[] += 6",
            "s[quantile=0.5] = 8",
            "s_count[] += 9",
            "g[] = -1000",
            "g_count[] = 2",
            "u[] = 1",
        ];
        assert_eq!(parsed(text), (expected.map(str::to_owned).to_vec(), 0));
    }

    #[test]
    fn label_values_hold_anything() {
        let check = |text: &str, expected: &str| assert_eq!(parsed(text), (vec![expected.to_owned()], 0), "{text}");
        check(r#"a{ x = "1" , y="2", } 1"#, "a[x=1 y=2] = 1");
        check(r#"a{x="q\"}\\\n,"} 1"#, "a[x=q\"}\\\n,] = 1");
    }

    #[test]
    fn a_malformed_line_costs_itself_only() {
        let check = |line: &str| {
            let (found, malformed) = parsed(&format!("a 1\n{line}\nb 2"));
            assert_eq!((found.len(), malformed), (2, 1), "{line}");
        };
        check("<html>");
        check("a");
        check("a{x=\"1\" 2");
        check("a{x=1} 2");
        check("a{x=\"1\"} two");
        check("9a 1");
        check("{} 1");
    }
}
