//! The high availability of a small installation: two copies, a front, and rules over it. One copy is killed, then the
//! other: no gap under a dashboard, no page too many or too few.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use weir_tests::{Server, ServerPorts, Webhooks, eventually};

use crate::site::{PATIENCE, Site, wait_for};

/// What a dashboard may want of the freshest data: a few windows, a checkpoint and a change of copies.
const FRESH: u64 = 6;
const SPAN: u64 = 15;

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Asks what a dashboard asks, again and again; what was wrong with an answer.
fn watch(front: std::net::SocketAddr, stop: &AtomicBool) -> (usize, Vec<String>) {
    let (mut asked, mut wrong) = (0, Vec::new());
    let config = ureq::Agent::config_builder().http_status_as_error(false).build();
    let agent = ureq::Agent::from(config);
    while !stop.load(Ordering::Relaxed) {
        let end = seconds() - FRESH;
        let url = format!("http://{front}/api/v1/query_range");
        let request = agent.get(url).query("query", "jobs_waiting").query("step", "1");
        let mut response =
            request.query("start", (end - SPAN).to_string()).query("end", end.to_string()).call().unwrap();
        let (status, text) = (response.status(), response.body_mut().read_to_string().unwrap());
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        let points = answer["data"]["result"][0]["values"].as_array().map_or(0, Vec::len) as u64;
        asked += 1;
        if status != 200 || points != SPAN + 1 {
            wrong.push(format!("{status}, {points} points: {}", &text[..text.len().min(300)]));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    (asked, wrong)
}

#[test]
fn a_copy_that_is_killed_leaves_no_gap_and_no_page_is_missed_or_told_twice() {
    let outage = std::env::var("WEIR_OUTAGE_SECONDS").map_or(6, |text| text.parse().unwrap());
    let site = Site::start();
    let gateway = site.role("gateway", "gateway", &[]);
    let mut sinks = ["a", "b"].map(|group| site.role("sink", group, &["--group", group]));
    let urls = sinks.each_ref().map(|sink| format!("http://{}", sink.ports.http));
    std::fs::write(site.path("front.toml"), format!("[query]\ncopies = {urls:?}\n")).unwrap();
    let path = |name: &str| site.path(name).display().to_string();
    let front = Server::start_as("front", site.path("front"), ServerPorts::free(), &["--config", &path("front.toml")]);
    let webhooks = Webhooks::listen();
    let alert = "alert: QueueFull\n        expr: jobs_waiting > 100\n        for: 1s";
    let rules = format!("groups:\n  - name: jobs\n    query_offset: {FRESH}s\n    rules:\n      - {alert}\n");
    std::fs::write(site.path("rules.yml"), rules).unwrap();
    let route = "route: {receiver: ops, group_wait: 100ms, group_interval: 300ms, repeat_interval: 1h}\n";
    let receiver =
        format!("receivers:\n  - name: ops\n    webhook_configs:\n      - url: http://{}/\n", webhooks.address);
    std::fs::write(site.path("routes.yml"), format!("{route}{receiver}")).unwrap();
    let source = format!("source = 'http://{}'\n", front.ports.http);
    let alerting = format!("[alerting]\nrules = ['rules.yml']\nconfig = 'routes.yml'\ninterval = '1s'\n{source}");
    std::fs::write(site.path("alert.toml"), alerting).unwrap();
    let rules = Server::start_as("alert", site.path("alert"), ServerPorts::free(), &["--config", &path("alert.toml")]);

    let agent = site.agent(&[&gateway]);
    agent.emit("jobs.waiting:150|g", 1);
    let webhook = webhooks.next(PATIENCE).expect("a page");
    assert!(webhook.is_about("QueueFull", "firing"));
    std::thread::sleep(Duration::from_secs(FRESH + SPAN));
    let stop = Arc::new(AtomicBool::new(false));
    let dashboard = std::thread::spawn({
        let (stop, address) = (stop.clone(), front.ports.http);
        move || watch(address, &stop)
    });
    std::thread::sleep(Duration::from_secs(2));
    for at in 0..2 {
        sinks[at].program.kill();
        std::thread::sleep(Duration::from_secs(outage));
        wait_for(&front, "/readyz", 200, &urls[at]);
        sinks[at].start_again();
        sinks[at].wait_until_ready();
        eventually("the front to see it", PATIENCE, || (front.get("/readyz")?.1 == "ready\n").then_some(()));
    }
    stop.store(true, Ordering::Relaxed);
    let (asked, wrong) = dashboard.join().unwrap();
    assert!(
        asked > 50 && wrong.is_empty(),
        "{asked} questions, {} of them with a gap: {:#?}",
        wrong.len(),
        wrong.first()
    );
    agent.emit("jobs.waiting:50|g", 1);
    let webhook = webhooks.next(PATIENCE).expect("the end of it");
    assert!(webhook.is_about("QueueFull", "resolved"), "{webhook:?}");
    assert!(webhooks.next(Duration::from_secs(3)).is_none(), "told twice");
    drop(rules);
    // With both away it says so.
    sinks.iter_mut().for_each(|sink| sink.program.kill());
    wait_for(&front, "/readyz", 503, "no copy is ready");
    wait_for(&front, "/api/v1/query?query=1", 503, "no copy answers");
}
