//! Histograms as Prometheus' tests write them: `{{schema:1 sum:3 count:22 buckets:[5 10 7]}}`.

use weir_sample::{Histogram, Parts, ResetHint};

/// Reads what stands between the braces: the histogram, and whether it says how it stands to the one before.
pub(super) fn histogram(text: &str) -> Result<(Histogram, bool), String> {
    let mut parts = Parts {
        scale: 0,
        hint: ResetHint::Unknown,
        zero_threshold: 0.0,
        zero: 0.0,
        count: 0.0,
        sum: 0.0,
        positive: Vec::new(),
        negative: Vec::new(),
        bounds: Vec::new(),
    };
    let (mut offsets, mut buckets, mut has_hint) = ([0_i32; 2], [Vec::new(), Vec::new()], false);
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (key, after) = rest.split_once(':').ok_or_else(|| format!("{rest:?} has no value"))?;
        let (value, after) = match after.strip_prefix('[') {
            Some(list) => list.split_once(']').ok_or_else(|| format!("list of {key} has no end"))?,
            None => after.split_at(after.find(char::is_whitespace).unwrap_or(after.len())),
        };
        match key {
            "schema" => parts.scale = whole(value)? as i8,
            "sum" => parts.sum = number(value)?,
            "count" => parts.count = number(value)?,
            "z_bucket" => parts.zero = number(value)?,
            "z_bucket_w" => parts.zero_threshold = number(value)?,
            "custom_values" => parts.bounds = numbers(value)?,
            "buckets" => buckets[0] = numbers(value)?,
            "n_buckets" => buckets[1] = numbers(value)?,
            "offset" => offsets[0] = whole(value)?,
            "n_offset" => offsets[1] = whole(value)?,
            "counter_reset_hint" => (parts.hint, has_hint) = (hint(value)?, true),
            key => return Err(format!("histograms have no {key:?}")),
        }
        rest = after.trim_start();
    }
    let [positive, negative] = buckets;
    parts.positive = (offsets[0]..).zip(positive).collect();
    parts.negative = (offsets[1]..).zip(negative).collect();
    let histogram = parts.histogram().ok_or_else(|| format!("{text:?} is no histogram"))?;
    Ok((histogram, has_hint))
}

/// The hints of Prometheus, and that of our own histograms, which hold one window each.
fn hint(text: &str) -> Result<ResetHint, String> {
    Ok(match text {
        "unknown" => ResetHint::Unknown,
        "reset" => ResetHint::Reset,
        "not_reset" => ResetHint::NotReset,
        "gauge" => ResetHint::Gauge,
        "delta" => ResetHint::Delta,
        other => return Err(format!("{other:?} is no counter_reset_hint")),
    })
}

fn numbers(text: &str) -> Result<Vec<f64>, String> {
    text.split_whitespace().map(number).collect()
}

fn number(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

fn whole(text: &str) -> Result<i32, String> {
    text.parse().map_err(|_| format!("{text:?} is no whole number"))
}
