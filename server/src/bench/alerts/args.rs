//! What is to be measured, and a figure's way to read many values.

use std::time::Duration;

use crate::clock::duration;

#[derive(clap::Args)]
pub(crate) struct AlertsArgs {
    /// What to measure; all of it if left out
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(super) only: Vec<Part>,
    /// Rules to evaluate, in tens
    #[arg(long, default_value_t = 10_000)]
    pub(super) rules: usize,
    /// Series that they are about
    #[arg(long, default_value_t = 100_000)]
    pub(super) series: usize,
    /// How often rules are evaluated, and their series written
    #[arg(long, default_value = "15s", value_parser = duration)]
    pub(super) interval: Duration,
    /// How long evaluation is watched, once it is under way
    #[arg(long, default_value = "2m", value_parser = duration)]
    pub(super) duration: Duration,
    /// Alerts that fire at once, in hundreds
    #[arg(long, default_value_t = 100_000)]
    pub(super) alerts: usize,
    /// Breaches of either kind of series whose way to the webhook is timed
    #[arg(long, default_value_t = 100)]
    pub(super) breaches: usize,
    /// Also measure evaluation and flood of Debian's vmalert and prometheus-alertmanager over its victoria-metrics
    #[arg(long)]
    pub(super) peer: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Part {
    /// CPU and lag of many rules
    Evaluation,
    /// All alerts at once
    Flood,
    /// From a breach to the webhook
    Delay,
}

/// The smallest value that so large a part of them does not exceed; `None` of none.
pub(super) fn percentile(values: &mut [f64], part: f64) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let rank = (values.len() as f64 * part).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_there() {
        let check = |values: &[f64], part, expected| assert_eq!(percentile(&mut values.to_vec(), part), expected);
        check(&[], 0.5, None);
        check(&[2.0, 1.0, 3.0], 0.5, Some(2.0));
        check(&[2.0, 1.0, 3.0], 1.0, Some(3.0));
        check(&[2.0, 1.0], 0.0, Some(1.0));
    }
}
