//! `weir bench alerts`: what rules cost, what a flood of alerts does, and how long a breach takes to reach somebody, seen from
//! outside: real processes on loopback, and a webhook.

mod args;
mod delay;
mod evaluation;
mod flood;
mod load;
mod rules;
mod stand;
mod webhooks;

use anyhow::{Result, ensure};
use serde_json::{Map, Value};
use weir_files::{say, tell};

pub(crate) use args::AlertsArgs;
use args::Part;
use stand::Side;

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
            tell!("{name}: {} rules over {} series", args.rules, args.series);
            of.insert("evaluation".into(), evaluation::measure(args, side)?);
        }
        if wants(Part::Flood) {
            tell!("{name}: {} alerts at once", args.alerts);
            of.insert("flood".into(), flood::measure(args, side)?);
        }
        if wants(Part::Delay) && side == Side::Weir {
            tell!("{name}: {} breaches", args.breaches);
            of.insert("delay".into(), delay::measure(args)?);
        }
        report.insert(name.into(), Value::Object(of));
    }
    say!("{}", Value::Object(report));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use weir_alert::rules::read_rules;

    use super::*;

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
