//! What an endpoint answers: text in, samples out. A line that is malformed is skipped and counted.

use weir_formats::delimited::{Said, Scraped};
use weir_formats::text::{Families, Line, Meaning};

/// Calls with every sample; returns how many lines are malformed.
pub(super) fn parse<'a>(text: &'a str, mut each: impl FnMut(Scraped<'a>)) -> u64 {
    let (mut families, mut malformed) = (Families::default(), 0);
    for line in text.lines() {
        match Line::parse(line) {
            Ok(Line::Type { family, kind }) => families.learn(family, kind),
            Ok(Line::Sample(sample)) => {
                let meaning = families.meaning(sample.name);
                // Absent values and OpenMetrics' times of creation say nothing of their own.
                if !sample.value.is_nan() && meaning != Meaning::Created {
                    let value = if meaning == Meaning::Cumulative { Said::Total } else { Said::Gauge };
                    each(Scraped { name: sample.name.into(), labels: sample.labels, value: value(sample.value) });
                }
            }
            Ok(Line::Nothing) => {}
            Err(_) => malformed += 1,
        }
    }
    malformed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Vec<String>, u64) {
        let mut found = Vec::new();
        let malformed = parse(text, |Scraped { name, labels, value }| {
            let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let value = match value {
                Said::Total(value) => format!("+= {value}"),
                Said::Gauge(value) => format!("= {value}"),
                Said::Histogram(_) => unreachable!("the text format has none"),
            };
            found.push(format!("{name}[{}] {value}", labels.join(" ")));
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
}
