//! An answer in columns.

use std::fmt::Write;

use super::answer::{Held, Point, Series};

/// A line for each series of an instant, a block for each of a range.
pub(super) fn text(series: &[Series]) -> String {
    let mut text = String::new();
    let instants: Vec<&Series> = series.iter().filter(|series| !series.is_range).collect();
    let names: Vec<String> = instants.iter().map(|series| series.notation()).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default().min(WIDEST);
    for (series, name) in instants.iter().zip(names) {
        // A string can always be written to, here and below.
        series.points.iter().for_each(|point| _ = writeln!(text, "{name:<width$}  {}", told(point)));
    }
    for series in series.iter().filter(|series| series.is_range) {
        let _ = writeln!(text, "{}", series.notation());
        series.points.iter().for_each(|point| _ = writeln!(text, "  {}  {}", point.moment(), told(point)));
    }
    text
}

/// A longer name pushes its own value aside, not all.
const WIDEST: usize = 100;

fn told(point: &Point) -> String {
    match &point.value {
        Held::Number(number) => number.clone(),
        Held::Distribution(distribution) => distribution.told(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_stand_in_columns_and_ranges_in_blocks() {
        let data = serde_json::json!({ "resultType": "vector", "result": [
            { "metric": { "__name__": "up", "host": "a" }, "value": [1, "1"] },
            { "metric": { "__name__": "x" }, "histogram": [1, { "count": "2", "sum": "3" }] },
        ]});
        assert_eq!(text(&Series::all(&data)), "up{host=\"a\"}  1\nx             count 2  sum 3\n");
        let data =
            serde_json::json!({ "resultType": "matrix", "result": [{ "metric": {}, "values": [[0, "1"], [60, "2"]] }]});
        assert_eq!(text(&Series::all(&data)), "{}\n  1970-01-01T00:00:00Z  1\n  1970-01-01T00:01:00Z  2\n");
    }
}
