//! Rules and routes of the bench, as files.

use std::fmt::Write;

/// Rules of one host.
pub(super) const PER_HOST: usize = 10;
/// Hosts of one group.
const HOSTS: usize = 10;

/// Rules as teams have them: thresholds, rates, some with `for`, one on absence, one that records. One host in a hundred has
/// an alert that fires.
pub(super) fn mixed(hosts: usize, interval_s: u64) -> String {
    let mut text = "groups:\n".to_owned();
    for host in 0..hosts {
        if host.is_multiple_of(HOSTS) {
            _ = writeln!(text, "  - name: hosts-{host}\n    interval: {interval_s}s\n    rules:");
        }
        let on = format!("{{instance=\"host-{host:06}:9100\"}}");
        let bound = if host.is_multiple_of(100) { "-1" } else { "1e9" };
        let alerts = [
            ("Level", format!("bench_0001_level{on} > 1e9"), ""),
            ("Rate", format!("rate(bench_0002_total{on}[1m]) > 1e9"), ""),
            ("LevelLasts", format!("bench_0003_level{on} > {bound}"), ", for: 1m"),
            ("Absent", format!("absent(bench_0005_level{on})"), ", for: 5m"),
            ("Ratio", format!("bench_0007_level{on} / bench_0011_level{on} > 1e9"), ""),
            ("Increase", format!("increase(bench_0004_total{on}[5m]) > 1e12"), ", for: 1m"),
            ("Average", format!("avg_over_time(bench_0013_level{on}[2m]) > 1e9"), ""),
            ("Sum", format!("sum by (instance) (rate(bench_0006_total{on}[1m])) > 1e9"), ""),
            ("Highest", format!("max by (instance) (bench_0015_level{on}) > 1e9"), ""),
        ];
        for (name, expr, lasts) in alerts {
            let annotations = "annotations: {summary: '{{ $labels.instance }} is at {{ $value }}'}";
            _ = writeln!(text, "      - {{alert: Bench{name}, expr: '{expr}'{lasts}, {annotations}}}");
        }
        let recorded = format!("sum by (instance) (rate(bench_0000_total{on}[1m]))");
        _ = writeln!(
            text,
            "      - {{record: 'bench:rate:sum', expr: '{recorded}', labels: {{host: host-{host:06}}}}}"
        );
    }
    text
}

/// One rule of which each series is an alert.
pub(super) const FLOOD: &str = "groups:
  - name: flood
    interval: 15s
    rules:
      - alert: BenchFlood
        expr: bench_total >= 0
        labels: {severity: page}
        annotations: {summary: '{{ $labels.device }} of {{ $labels.instance }} is at {{ $value }}'}
";

/// One rule for what a host tells of itself, one for what clients tell a gateway.
pub(super) fn breaches(interval_s: u64) -> String {
    let group = |name: &str| {
        let rule = format!("{{alert: Bench-{name}, expr: 'bench_{name} > 0'}}");
        format!("  - name: {name}\n    interval: {interval_s}s\n    rules:\n      - {rule}\n")
    };
    format!("groups:\n{}{}", group(OWNED), group(SHARED))
}

pub(super) const OWNED: &str = "owned";
pub(super) const SHARED: &str = "shared";

/// Everything to one webhook.
pub(super) fn routes(webhook: &str, group_by: &str, group_wait: &str) -> String {
    let times = format!("group_wait: {group_wait}, group_interval: 5s, repeat_interval: 4h");
    format!(
        "route: {{receiver: bench, group_by: [{group_by}], {times}}}\n\
         receivers:\n  - name: bench\n    webhook_configs:\n      - {{url: '{webhook}', send_resolved: false}}\n"
    )
}
