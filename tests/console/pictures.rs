//! `make pictures`: those of docs/console.md, of a fleet that is simulated and hosts whose week is made up.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use weir_tests::{Fleet, Server, ServerPorts, Webhooks, free_port};

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let webhooks = Webhooks::listen();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("weir.toml", "[alerting]\nrules = ['rules.yml']\nconfig = 'routes.yml'\ninterval = '10s'\n");
    write("rules.yml", DEMO_RULES);
    let receiver = format!("{{name: ops, webhook_configs: [{{url: 'http://{}/'}}]}}", webhooks.address);
    write(
        "routes.yml",
        &format!("route: {{receiver: ops, group_wait: 1s, group_by: [alertname]}}\nreceivers: [{receiver}]\n"),
    );
    let config = folder.path().join("weir.toml").display().to_string();
    let statsd = free_port().to_string();
    let server = Server::start_on(folder.path(), ServerPorts::free(), &["--config", &config, "--statsd", &statsd]);
    let (keys, batch) = (server.keys().display().to_string(), server.ports.batch.to_string());
    let args = ["--agents", "600", "--metrics", "8", "--duration", "900s", "--keys", &keys, "--server", &batch];
    let _fleet = Fleet::start(folder.path(), "fleet", &args.map(str::to_owned));
    let target = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/console");
    server.is_used_by("pictures.mjs", &[&*statsd, target]);
}

const DEMO_RULES: &str = r#"groups:
  - name: hosts
    interval: 30s
    rules:
      - alert: CpuBusy
        expr: 1 - system_cpu_utilization_ratio{cpu_mode="idle",host=~"(db|web)-[0-9]"} > 0.8
        for: 1m
        labels: {severity: page, team: storage}
        annotations: {summary: "{{ $labels.host }} is {{ $value | humanizePercentage }} busy."}
      - alert: FilesystemFull
        expr: system_filesystem_utilization_ratio{system_filesystem_mountpoint="/var"} > 0.7
        labels: {severity: ticket, team: infra}
        annotations: {summary: "/var of {{ $labels.host }} is full to {{ $value | humanizePercentage }}."}
      - alert: HostSilent
        expr: absent(system_cpu_utilization_ratio{host="web-4", cpu_mode="idle"})
        for: 10m
        labels: {severity: ticket, team: infra}
        annotations: {summary: "web-4 sends nothing."}
      - record: host:cpu_busy:ratio
        expr: 1 - system_cpu_utilization_ratio{cpu_mode="idle"}
"#;
