//! Promise: docs/api.yaml is the HTTP API: every route of the server is in it, and everything in it is served.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use weir_tests::{Server, ServerPorts, eventually};

fn house(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Paths with their methods, as the file has them.
fn described() -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(house("docs/api.yaml")).unwrap();
    let (mut all, mut path) = (BTreeMap::<String, Vec<String>>::new(), String::new());
    for line in text.lines().skip_while(|line| *line != "paths:") {
        let depth = line.len() - line.trim_start().len();
        let name = line.trim().trim_end_matches(':').trim_matches('"').to_owned();
        match depth {
            2 => {
                path.clone_from(&name);
                all.entry(name).or_default();
            }
            4 if name != "parameters" => all.get_mut(&path).unwrap().push(name),
            _ => {}
        }
    }
    all
}

/// Routes of the server's source, but for those of tests and what catches everything.
fn routed(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        // Commands that listen are no part of the server.
        if path.is_dir() && !["server/src/cmd", "server/src/bench"].iter().any(|tool| path.ends_with(tool)) {
            routed(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap();
            for after in text.split(".route(").skip(1) {
                if let Some(route) = after.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next()) {
                    found.insert(route.replace("{*group}", "{group}"));
                }
            }
        }
    }
}

#[test]
fn what_is_described_is_what_is_served() {
    let mut routes = BTreeSet::new();
    routed(&house("server/src"), &mut routes);
    // A collector's page has what it answers.
    let (mut of_collectors, pull) = (BTreeSet::new(), std::fs::read_to_string(house("docs/pull.md")).unwrap());
    routed(&house("server/src/cmd/collect"), &mut of_collectors);
    of_collectors.iter().for_each(|route| assert!(pull.contains(&format!("`{route}`")), "{route} in docs/pull.md"));
    // Files of the console; and whatever a front passes on.
    ["/{*path}", "/api/{*path}"].iter().for_each(|all| assert!(routes.remove(*all), "{all}"));
    let described = described();
    let paths: BTreeSet<String> = described.keys().cloned().collect();
    assert_eq!(routes, paths, "routes of the source, and paths of docs/api.yaml");

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rules.yml"), "groups: []\n").unwrap();
    let file = folder.path().join("weir.toml");
    std::fs::write(&file, "[alerting]\nrules = ['rules.yml']\n").unwrap();
    let config = file.display().to_string();
    let server = Server::start_as("up", folder.path().join("weir"), ServerPorts::free(), &["--config", &config]);
    eventually("it to be ready", std::time::Duration::from_secs(30), || {
        (server.get("/-/ready")?.0 == 200).then_some(())
    });
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    for (path, methods) in described {
        assert!(!methods.is_empty(), "{path} has no method");
        let path =
            path.replace("{name}", "job").replace("{id}", "1").replace("{version}", "1").replace("{group}", "job/a");
        for method in methods {
            let url = format!("http://{}{path}", server.ports.http);
            let request = ureq::http::Request::builder().method(method.to_uppercase().as_str()).uri(url);
            // A route may answer before it has read a body, and then the connection ends.
            let request = request.header("content-type", "application/json").header("connection", "close");
            let request = request.body(()).unwrap();
            let mut answer = agent.run(request).unwrap();
            let (status, text) = (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap_or_default());
            let is_served = status != 405 && !(status == 404 && text.contains("there is nothing at"));
            assert!(is_served, "{method} {path}: {status} {text}");
        }
    }
}

#[test]
fn what_is_not_there_is_told_in_json_with_what_to_use() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let check = |method: &str, path: &str, status: u16, told: &str| {
        let url = format!("http://{}{path}", server.ports.http);
        let request = ureq::http::Request::builder().method(method).uri(url).body(()).unwrap();
        let mut answer = agent.run(request).unwrap();
        let (found, text) = (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap());
        assert!(
            found == status && text.contains("\"status\":\"error\"") && text.contains(told),
            "{path}: {found} {text}"
        );
    };
    check("GET", "/api/v1/nothing", 404, "there is nothing at /api/v1/nothing");
    check("POST", "/loki/api/v1/push", 404, "metrics alone");
    check("GET", "/select/0/prometheus/api/v1/query", 404, "at /api/v1");
    check("DELETE", "/api/v1/query", 405, "does not take DELETE");
    check("GET", "/api/v1/query", 400, "query");
    check("GET", "/api/v1/parse_query?query=sum(up", 400, "parse error");
    check("GET", "/federate", 400, "match[]");
}

#[test]
fn a_prometheus_reads_from_here_and_takes_what_is_federated() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let now = weir_tests::seconds_now() as i64 * 1_000;
    let mut series = weir_tests::remote_write::Written::new("level", &[("host", "a"), ("instance", "a")]);
    series.samples.extend((0..5).map(|at| (now - 50_000 + at * 10_000, at as f64)));
    let patience = std::time::Duration::from_secs(30);
    eventually("samples to be taken", patience, || {
        (weir_tests::remote_write::write(server.ports.http, std::slice::from_ref(&series)).0 < 300).then_some(())
    });
    eventually("samples to be stored", patience, || {
        (server.number("count_over_time(level[5m])") == Some(5.0)).then_some(())
    });
    let here = server.ports.http;
    let config = format!(
        "global: {{scrape_interval: 1s}}\nremote_read:\n  - url: http://{here}/api/v1/read\n    read_recent: true\n\
         scrape_configs:\n  - job_name: weir\n    honor_labels: true\n    metrics_path: /federate\n    \
         params: {{'match[]': ['weir_agents{{}}', 'level']}}\n    static_configs: [{{targets: ['{here}']}}]\n"
    );
    let prometheus = weir_tests::Prometheus::start_with(folder.path(), &config, &[]);
    let ask = |query: &str| -> Option<String> {
        let url = format!("http://{}/api/v1/query", prometheus.address);
        ureq::get(url).query("query", query).call().ok()?.body_mut().read_to_string().ok()
    };
    eventually("Prometheus to read", patience, || {
        ask("sum_over_time(level{host=\"a\"}[5m])").filter(|text| text.contains("\"10\"")).map(drop)
    });
    eventually("Prometheus to scrape what is federated", patience, || {
        ask("up{job=\"weir\"}").filter(|text| text.contains("\"1\"")).map(drop)
    });
}
