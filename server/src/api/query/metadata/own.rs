//! What our own tables say: the host's metrics and the agent's own, as docs has them. Tests of the agent hold those pages against it.

use std::collections::HashMap;
use std::sync::LazyLock;

use weir_sample::{Metadata, MetricType};

const HOST: &str = include_str!("../../../../../docs/host-metrics.md");
const AGENT: &str = include_str!("../../../../../docs/agent-telemetry.md");

static TABLE: LazyLock<HashMap<&str, Metadata>> = LazyLock::new(|| rows(HOST).chain(rows(AGENT)).collect());

/// What is told of a metric that is ours.
pub(super) fn told(metric: &str) -> Option<Metadata> {
    TABLE.get(metric).cloned()
}

/// Rows of tables that begin with a metric's name and have its type among their cells; the help is the cell behind both.
fn rows(page: &'static str) -> impl Iterator<Item = (&'static str, Metadata)> {
    page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split(" | ").map(str::trim);
        let name = cells.next()?.strip_suffix('`')?;
        let rest: Vec<&str> = cells.collect();
        let at = rest.iter().take(2).position(|cell| matches!(*cell, "counter" | "gauge" | "histogram"))?;
        let help = rest.get(at + if at == 0 { 2 } else { 1 })?.trim_end_matches('|').trim();
        let help = help.trim_start_matches("**loss**").trim();
        let kind = MetricType::of_word(rest[at]);
        Some((name, Metadata { kind, unit: unit(name).to_owned(), help: help.replace('`', "") }))
    })
}

/// The unit that a name ends in; empty if it ends in none.
fn unit(name: &str) -> &str {
    let last = name.strip_suffix("_total").unwrap_or(name).rsplit('_').next().unwrap_or_default();
    if UNITS.contains(&last) { last } else { "" }
}

const UNITS: [&str; 6] = ["seconds", "bytes", "ratio", "celsius", "hertz", "volts"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_metrics_have_type_unit_and_help() {
        let check = |metric: &str, kind: &str, unit: &str, help: &str| {
            let told = told(metric).unwrap();
            assert_eq!((told.kind.word(), told.unit.as_str(), told.help.as_str()), (kind, unit, help), "{metric}");
        };
        check("system_memory_limit_bytes", "gauge", "bytes", "all memory");
        check("system_processes_created_total", "counter", "", "forks");
        check("weir_agent_resident_bytes", "gauge", "bytes", "Memory that the agent has in RAM.");
        assert!(told("weir_agent_left_out_samples_total").unwrap().help.starts_with("Samples whose labels"));
        assert!(told("jobs_done").is_none());
        assert!(TABLE.len() > 100, "{}", TABLE.len());
        assert!(TABLE.values().all(|told| !told.help.is_empty() && told.kind != MetricType::Unknown));
    }
}
