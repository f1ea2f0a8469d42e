//! Histograms as text, as `count_values` writes them into a label.

use weir_sample::{Bucket, Histogram};

use crate::number::short;

/// Count, sum and filled buckets; a bracket says that a border belongs to the bucket.
pub fn told_histogram(histogram: &Histogram) -> String {
    let mut text = format!("{{count:{}, sum:{}", short(histogram.count()), short(histogram.sum()));
    let own_bounds = histogram.has_own_bounds();
    for (at, Bucket { lower, upper, count }) in histogram.buckets().enumerate() {
        let has_lower = if own_bounds { at == 0 && lower == f64::NEG_INFINITY } else { lower < 0.0 };
        let has_upper = own_bounds || upper > 0.0;
        let (open, close) = (if has_lower { '[' } else { '(' }, if has_upper { ']' } else { ')' });
        text += &format!(", {open}{},{}{close}:{}", short(lower), short(upper), short(count));
    }
    text + "}"
}
