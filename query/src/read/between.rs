//! What lies between two samples.

use weir_sample::{Histogram, Incompatible};

/// A sample: its time in milliseconds and its value.
pub(crate) type At<V> = (i64, V);

/// The value on the line between two samples. A counter that fell began at zero.
pub(crate) fn interpolate(one: At<f64>, other: At<f64>, at: i64, is_counter: bool) -> f64 {
    let from = if is_counter && other.1 < one.1 { 0.0 } else { one.1 };
    from + (other.1 - from) * share(one.0, other.0, at)
}

/// A histogram on the line between two, and whether their bounds had to be reconciled for that in a difference and in a sum.
pub(crate) fn interpolate_histograms(
    one: At<&Histogram>,
    other: At<&Histogram>,
    at: i64,
    is_counter: bool,
) -> Result<(Histogram, [bool; 2]), Incompatible> {
    if at == one.0 || at == other.0 {
        let exact = if at == one.0 { one.1 } else { other.1 };
        return Ok((exact.clone(), [false; 2]));
    }
    let share = share(one.0, other.0, at);
    let mut between = other.1.clone();
    if is_counter && other.1.is_reset_after(one.1) {
        between.scale(share);
        return Ok((between, [false; 2]));
    }
    let subtracted = between.minus(one.1)?;
    between.scale(share);
    let added = between.plus(one.1)?;
    Ok((between, [subtracted.bounds_reconciled, added.bounds_reconciled]))
}

fn share(one: i64, other: i64, at: i64) -> f64 {
    (at - one) as f64 / (other - one) as f64
}

/// Whether counting began anew between two samples, by the times since when they count.
///
/// A start that is not known is zero, or the time of its own sample as OpenTelemetry has it. One that is the time of the sample
/// before is that of a delta, if that sample's own start was known.
pub(crate) fn began_anew(before: (i64, i64), (start, time): (i64, i64)) -> bool {
    let (start_before, time_before) = before;
    if start == start_before || start == 0 || start >= time || start < time_before {
        return false;
    }
    start > time_before || start_before < time_before && start_before != 0
}

/// Whether a sample's counting began after a time.
pub(crate) fn began_after(at: i64, (start, time): (i64, i64)) -> bool {
    start > at && time > at && began_anew((at, at), (start, time))
}
