//! `weir bench alerts`: what rules cost, what a flood of alerts does, and how long a breach takes to reach somebody, seen from
//! outside: real processes on loopback, and a webhook.

mod delay;
mod evaluation;
mod flood;
mod load;
mod rules;
mod stand;
mod webhooks;

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Map, Value};

use crate::clock::duration;
use stand::Side;

#[derive(clap::Args)]
pub(crate) struct AlertsArgs {
    /// What to measure; all of it if left out
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Rules to evaluate, in tens
    #[arg(long, default_value_t = 10_000)]
    rules: usize,
    /// Series that they are about
    #[arg(long, default_value_t = 100_000)]
    series: usize,
    /// How often rules are evaluated, and their series written
    #[arg(long, default_value = "15s", value_parser = duration)]
    interval: Duration,
    /// How long evaluation is watched, once it is under way
    #[arg(long, default_value = "2m", value_parser = duration)]
    duration: Duration,
    /// Alerts that fire at once, in hundreds
    #[arg(long, default_value_t = 100_000)]
    alerts: usize,
    /// Breaches of either kind of series whose way to the webhook is timed
    #[arg(long, default_value_t = 100)]
    breaches: usize,
    /// Also measure evaluation and flood of Debian's vmalert and prometheus-alertmanager over its victoria-metrics
    #[arg(long)]
    peer: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// CPU and lag of many rules
    Evaluation,
    /// All alerts at once
    Flood,
    /// From a breach to the webhook
    Delay,
}

pub(crate) fn main(args: &AlertsArgs) -> Result<()> {
    ensure!(
        args.rules > 0 && args.series >= 20 * args.rules.div_ceil(rules::PER_HOST),
        "a host has 20 series at least"
    );
    ensure!(args.alerts > 0 && args.breaches > 0, "alerts and breaches must be at least 1");
    let wants = |part: Part| args.only.is_empty() || args.only.contains(&part);
    let mut report = Map::new();
    let sides = [("weir", Side::Weir), ("peer", Side::Peer)];
    for (name, side) in sides.into_iter().filter(|(_, side)| args.peer || *side == Side::Weir) {
        let mut of = Map::new();
        if wants(Part::Evaluation) {
            eprintln!("{name}: {} rules over {} series", args.rules, args.series);
            of.insert("evaluation".into(), evaluation::measure(args, side)?);
        }
        if wants(Part::Flood) {
            eprintln!("{name}: {} alerts at once", args.alerts);
            of.insert("flood".into(), flood::measure(args, side)?);
        }
        if wants(Part::Delay) && side == Side::Weir {
            eprintln!("{name}: {} breaches", args.breaches);
            of.insert("delay".into(), delay::measure(args)?);
        }
        report.insert(name.into(), Value::Object(of));
    }
    println!("{}", Value::Object(report));
    Ok(())
}

/// The smallest value that so large a part of them does not exceed; `None` of none.
fn percentile(values: &mut [f64], part: f64) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let rank = (values.len() as f64 * part).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_alert::rules::read_rules;

    #[test]
    fn percentiles_are_values_that_were_there() {
        let check = |values: &[f64], part, expected| assert_eq!(percentile(&mut values.to_vec(), part), expected);
        check(&[], 0.5, None);
        check(&[2.0, 1.0, 3.0], 0.5, Some(2.0));
        check(&[2.0, 1.0, 3.0], 1.0, Some(3.0));
        check(&[2.0, 1.0], 0.0, Some(1.0));
    }

    #[test]
    fn rules_are_without_fault_and_as_many_as_hosts_ask_for() {
        let read = |text: &str| read_rules("bench.yml", text, Duration::from_secs(15));
        let (groups, faults) = read(&rules::mixed(25, 15));
        let groups = groups.unwrap();
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!((groups.len(), groups.iter().map(|group| group.rules.len()).sum::<usize>()), (3, 250));
        for text in [rules::FLOOD.to_owned(), flood::QUIET.to_owned(), rules::breaches(15)] {
            assert!(read(&text).1.is_empty(), "{text}");
        }
    }
}
