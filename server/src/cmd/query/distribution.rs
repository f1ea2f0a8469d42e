//! A distribution as the API writes it, and what a person wants of it: how many, how much, and its quantiles.

use serde_json::Value;

/// A native histogram of an answer.
pub(super) struct Distribution {
    pub(super) count: f64,
    pub(super) sum: f64,
    /// Lower border, upper border and count, by rising borders.
    buckets: Vec<[f64; 3]>,
}

/// The quantiles that are told, and their names.
pub(super) const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)];

impl Distribution {
    pub(super) fn read(value: &Value) -> Option<Self> {
        let number = |value: &Value| value.as_str()?.parse::<f64>().ok();
        let bucket = |bucket: &Value| Some([number(&bucket[1])?, number(&bucket[2])?, number(&bucket[3])?]);
        let mut buckets: Vec<[f64; 3]> = value["buckets"].as_array().into_iter().flatten().filter_map(bucket).collect();
        buckets.sort_by(|a, b| a[0].total_cmp(&b[0]));
        Some(Self { count: number(&value["count"])?, sum: number(&value["sum"])?, buckets })
    }

    /// The value under which this share of all lies, between a bucket's borders as Prometheus has it: along the logarithm, but
    /// along the line where a bucket holds zero. `None` of nothing.
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        let total: f64 = self.buckets.iter().map(|[_, _, count]| count).sum();
        let (rank, mut before) = (share * total, 0.0);
        for &[lower, upper, count] in &self.buckets {
            if count > 0.0 && before + count >= rank {
                let within = ((rank - before) / count).clamp(0.0, 1.0);
                return Some(between(lower, upper, within));
            }
            before += count;
        }
        self.buckets.last().map(|[_, upper, _]| *upper)
    }

    /// Count, sum and quantiles in a line.
    pub(super) fn told(&self) -> String {
        let quantiles = QUANTILES.iter().filter_map(|(name, share)| Some((*name, self.quantile(*share)?)));
        let figures = [("count", self.count), ("sum", self.sum)].into_iter().chain(quantiles);
        let figures: Vec<String> = figures.map(|(name, figure)| format!("{name} {}", short(figure))).collect();
        figures.join("  ")
    }
}

fn between(lower: f64, upper: f64, within: f64) -> f64 {
    match () {
        () if lower.is_infinite() => upper,
        () if upper.is_infinite() => lower,
        () if lower > 0.0 => lower * (upper / lower).powf(within),
        () if upper < 0.0 => upper * (lower / upper).powf(1.0 - within),
        () => lower + (upper - lower) * within,
    }
}

/// A number in at most six digits that count.
pub(super) fn short(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return number.to_string();
    }
    let digits = 5 - number.abs().log10().floor() as i32;
    match digits {
        0..=12 => {
            let text = format!("{number:.*}", digits as usize);
            if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
        }
        -9..0 => format!("{number:.0}"),
        _ => format!("{number:e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Distribution {
        Distribution::read(&value).unwrap()
    }

    #[test]
    fn quantiles_lie_between_the_borders_of_their_bucket() {
        let found = read(
            serde_json::json!({ "count": "4", "sum": "10", "buckets": [[0, "4", "16", "2"], [0, "1", "4", "2"]] }),
        );
        assert_eq!([0.0, 0.25, 0.5, 0.75, 1.0].map(|q| short(found.quantile(q).unwrap())), ["1", "2", "4", "8", "16"]);
        assert_eq!(found.told(), "count 4  sum 10  p50 4  p90 12.1257  p99 15.5625");
        let zero = read(serde_json::json!({ "count": "2", "sum": "0", "buckets": [[3, "-1", "1", "2"]] }));
        assert_eq!(zero.quantile(0.75), Some(0.5));
        let negative = read(serde_json::json!({ "count": "2", "sum": "-5", "buckets": [[1, "-4", "-1", "2"]] }));
        assert_eq!(negative.quantile(0.5), Some(-2.0));
        let nothing = read(serde_json::json!({ "count": "0", "sum": "0" }));
        assert_eq!((nothing.quantile(0.5), nothing.told()), (None, "count 0  sum 0".to_owned()));
    }

    #[test]
    fn numbers_are_short() {
        let check = |number: f64, expected: &str| assert_eq!(short(number), expected);
        check(1_234_567.0, "1234567");
        check(0.1 + 0.2, "0.3");
        check(-1.5, "-1.5");
        check(1e-9, "1e-9");
        check(f64::NAN, "NaN");
    }
}
