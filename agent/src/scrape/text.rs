//! What an endpoint answers: text in, samples out. A line that is malformed is skipped and counted.

use weir_formats::delimited::Scraped;
use weir_formats::text::{Families, Fault, Form, Line, Meaning, Reader};

/// Lines of an answer that say nothing they should.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Malformed {
    pub(super) lines: u64,
    pub(super) first: Option<Fault>,
    /// Well-formed ones were samples.
    pub(super) beside_samples: bool,
}

/// Calls with every sample; returns what is malformed.
pub(super) fn parse<'a>(text: &'a str, form: Form, mut each: impl FnMut(Scraped<'a>)) -> Malformed {
    let (mut reader, mut families, mut malformed) = (Reader::new(form), Families::default(), Malformed::default());
    for line in text.lines() {
        match reader.read(line) {
            Ok(Line::Type { family, kind }) => families.learn(family, kind),
            Ok(Line::Sample(sample)) => {
                malformed.beside_samples = true;
                let meaning = families.meaning(&sample.name);
                // OpenMetrics' times of creation say nothing of their own.
                if meaning != Meaning::Created {
                    each(Scraped::of(sample, meaning == Meaning::Cumulative));
                }
            }
            Ok(Line::Help { .. } | Line::Unit { .. } | Line::Nothing | Line::End) => {}
            Err(fault) => malformed.add(fault),
        }
    }
    // Of a text that only looks like OpenMetrics its last line is not asked.
    if form == Form::OpenMetrics
        && let Err(fault) = reader.end()
    {
        malformed.add(fault);
    }
    malformed
}

/// Whether the text begins as HTML, XML or JSON do, of which a line may look like a sample.
pub(super) fn begins_as_page(text: &str) -> bool {
    let text = text.trim_start_matches(|c: char| c == '\u{feff}' || c.is_ascii_whitespace());
    let line = text.lines().next().unwrap_or_default();
    line.starts_with(['<', '{', '[']) && Reader::default().read(line).is_err()
}

impl Malformed {
    fn add(&mut self, fault: Fault) {
        self.lines += 1;
        self.first.get_or_insert(fault);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_formats::delimited::Said;

    fn parsed(text: &str) -> (Vec<String>, u64) {
        let mut found = Vec::new();
        let malformed = parse(text, Form::Text, |Scraped { name, labels, value, .. }| {
            let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let value = match value {
                Said::Total(value) => format!("+= {value}"),
                Said::Gauge(value) => format!("= {value}"),
                Said::Histogram(_) => unreachable!("the text format has none"),
            };
            found.push(format!("{name}[{}] {value}", labels.join(" ")));
        });
        (found, malformed.lines)
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
            "n[] = NaN",
        ];
        assert_eq!(parsed(text), (expected.map(str::to_owned).to_vec(), 0));
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
        check("a{x-y=\"1\"} 1");
        check("a{x=\"1\",x=\"2\"} 1");
    }

    #[test]
    fn openmetrics_that_was_cut_short_is_told() {
        let check = |text: &str, form, expected: &[&str]| {
            let mut samples = 0;
            let malformed = parse(text, form, |_| samples += 1);
            let told: Vec<_> =
                malformed.first.iter().map(|fault| format!("{samples} {}:{}", fault.line, fault.column)).collect();
            assert_eq!(told, expected, "{text}");
        };
        check("a 1\nb 2\n", Form::OpenMetrics, &["2 3:1"]);
        check("a 1\nb 2 1.5 # {c=\"d\"} 1\n# EOF\n", Form::OpenMetrics, &[]);
        check("a 1\n# EOF\nb 2", Form::OpenMetrics, &["1 3:1"]);
        check("a 1 # {c=\"d\"} 1\n", Form::Text, &[]);
    }
}
