//! Several processes could evaluate and tell, and one does: whichever is killed or stopped, nobody is missed or told twice.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use weir_tests::{Server, ServerPorts, Webhooks, eventually};

use crate::site::{PATIENCE, Site};

/// Long enough that the leader can be killed while an alert is pending.
const FOR: Duration = Duration::from_secs(20);

/// A site with a sink, rules over it, and processes that could evaluate them.
struct Alerted {
    site: Site,
    _gateway: Server,
    _sink: Server,
    agent: weir_tests::Agent,
    webhooks: Webhooks,
    alerts: Vec<Server>,
    /// Keys of what was told. A page that a killed leader has sent and not noted comes again with its key: that is one page.
    told: std::cell::RefCell<std::collections::HashSet<String>>,
}

fn start(processes: usize) -> Alerted {
    let site = Site::start();
    let (gateway, sink) = (site.role("gateway", "gateway", &[]), site.role("sink", "sink", &[]));
    let (agent, webhooks) = (site.agent(&[&gateway]), Webhooks::listen());
    let rule = |name: &str, expr: &str, held: Duration| {
        format!("      - alert: {name}\n        expr: {expr}\n        for: {}s\n", held.as_secs())
    };
    let rules = [rule("Slow", "slow > 0", FOR), rule("Quick", "quick > 0", Duration::ZERO)].concat();
    std::fs::write(
        site.path("rules.yml"),
        format!("groups:\n  - name: jobs\n    query_offset: 6s\n    rules:\n{rules}"),
    )
    .unwrap();
    let route =
        "route: {receiver: ops, group_by: [alertname], group_wait: 5s, group_interval: 1s, repeat_interval: 1h}\n";
    let receiver =
        format!("receivers:\n  - name: ops\n    webhook_configs:\n      - url: http://{}/\n", webhooks.address);
    std::fs::write(site.path("routes.yml"), format!("{route}{receiver}")).unwrap();
    let source = format!("source = 'http://{}'\n", sink.ports.http);
    let alerting = format!("[alerting]\nrules = ['rules.yml']\nconfig = 'routes.yml'\ninterval = '1s'\n{source}");
    site.write_config("alert.toml", "", &alerting);
    let config = site.path("alert.toml").display().to_string();
    let alert = |number| {
        Server::start_as("alert", site.path(&format!("alert-{number}")), ServerPorts::free(), &["--config", &config])
    };
    let alerts = (0..processes).map(alert).collect();
    Alerted { site, _gateway: gateway, _sink: sink, agent, webhooks, alerts, told: Default::default() }
}

impl Alerted {
    /// The one that leads, and no other does.
    fn leader(&self, among: &[usize]) -> usize {
        eventually("one of them to lead", PATIENCE, || {
            let leads = |at: &&usize| self.alerts[**at].reading("weir_alert_leads") == Some(1.0);
            let leaders: Vec<&usize> = among.iter().filter(leads).collect();
            (leaders.len() == 1).then(|| *leaders[0])
        })
    }

    fn page(&self, alert: &str, status: &str) {
        let webhook = self.next(PATIENCE).unwrap_or_else(|| panic!("{alert} {status} is missed"));
        assert!(webhook.is_about(alert, status), "{alert} {status}: {webhook:?}");
    }

    /// The next page that was not there before.
    fn next(&self, patience: Duration) -> Option<weir_tests::Webhook> {
        let until = Instant::now() + patience;
        loop {
            let webhook = self.webhooks.next(until.saturating_duration_since(Instant::now()))?;
            if self.told.borrow_mut().insert(webhook.key.clone()) {
                return Some(webhook);
            }
        }
    }

    fn quiet(&self) {
        let more = self.next(Duration::from_secs(4));
        assert!(more.is_none(), "one too many: {more:?}");
    }

    fn post_silence(&self, at: usize, alert: &str) {
        let url = format!("http://{}/api/v2/silences", self.alerts[at].ports.http);
        let body = serde_json::json!({
            "matchers": [{"name": "alertname", "value": alert, "isRegex": false}],
            "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2100-01-01T00:00:00Z",
            "createdBy": "test", "comment": "test",
        });
        eventually("the silence to be taken", PATIENCE, || {
            ureq::post(&url).content_type("application/json").send(body.to_string()).ok()
        });
    }
}

#[test]
fn whoever_leads_is_killed_and_no_page_is_missed_or_told_twice() {
    let mut world = start(3);
    let first = world.leader(&[0, 1, 2]);
    world.agent.emit("slow:1|g", 1);
    let began = Instant::now();
    let follower = (first + 1) % 3;
    let active = |server: &Server, state: &str| {
        let (status, text) = server.get("/api/v1/alerts")?;
        (status == 200 && text.contains(state)).then_some(())
    };
    // A process that only follows answers what the leader knows.
    eventually("it to be pending", PATIENCE, || active(&world.alerts[follower], "pending"));
    world.alerts[first].program.kill();
    let rest: Vec<usize> = (0..3).filter(|at| *at != first).collect();
    let second = world.leader(&rest);
    eventually("it to be pending still", PATIENCE, || active(&world.alerts[second], "pending"));
    world.page("Slow", "firing");
    let took = began.elapsed();
    assert!(took < FOR + Duration::from_secs(6 + 5 + 9), "its time began anew: {took:?}");
    world.quiet();

    // The first is back, and the second goes while it waits for the group.
    world.alerts[first].start_again();
    world.agent.emit("quick:1|g", 1);
    let other = rest.iter().copied().find(|at| *at != second).unwrap();
    eventually("it to fire", PATIENCE, || {
        let (_, text) = world.alerts[other].get("/api/v2/alerts")?;
        text.contains("Quick").then_some(())
    });
    world.alerts[second].program.kill();
    world.page("Quick", "firing");
    world.quiet();

    // Silences are remembered by whoever leads, and taken by anybody.
    let third = world.leader(&[first, other]);
    let follower = if third == first { other } else { first };
    world.post_silence(follower, "Slow");
    world.alerts[second].start_again();
    // It has read who leads.
    eventually("it to follow", PATIENCE, || (world.alerts[second].get("/api/v1/rules")?.0 == 200).then_some(()));
    assert!(world.alerts[third].program.stop().success());
    let stopped = Instant::now();
    let fourth = world.leader(&[follower, second]);
    assert!(
        stopped.elapsed() < Duration::from_secs(4),
        "it said that it goes, so nobody waits: {:?}",
        stopped.elapsed()
    );
    // It reads the states that the third left before it answers for them.
    eventually("its silences", PATIENCE, || {
        world.alerts[fourth].get("/api/v2/silences")?.1.contains("Slow").then_some(())
    });
    world.agent.emit("slow:0|g", 1);
    world.agent.emit("quick:0|g", 1);
    world.page("Quick", "resolved");
    world.quiet();
}

#[test]
fn a_leader_that_was_stopped_and_wakes_stands_back_and_its_words_count_for_nobody() {
    let world = start(2);
    let first = world.leader(&[0, 1]);
    let second = 1 - first;
    world.agent.emit("quick:1|g", 1);
    world.page("Quick", "firing");
    for round in 0..2 {
        let (leads, follows) = if round == 0 { (first, second) } else { (second, first) };
        world.alerts[leads].program.signal(Signal::STOP);
        world.leader(&[follows]);
        world.agent.emit(if round == 0 { "quick:0|g" } else { "quick:1|g" }, 1);
        world.page("Quick", if round == 0 { "resolved" } else { "firing" });
        world.alerts[leads].program.signal(Signal::CONT);
        world.leader(&[leads, follows]);
        assert_eq!(world.leader(&[0, 1]), follows, "it does not take over again");
        eventually("it to answer as a follower", PATIENCE, || {
            let (status, _) = world.alerts[leads].get("/api/v1/rules")?;
            (status == 200 && world.alerts[leads].reading("weir_alert_leads") == Some(0.0)).then_some(())
        });
        world.quiet();
    }
    let log = crate::site::log_of(world.site.folder.path(), &format!("alert-{first}"));
    assert!(log.contains("alerting is led here no longer"), "{log}");
}

#[test]
fn brokers_that_are_away_for_a_minute_make_nobody_lead_twice_and_lose_no_page() {
    let away = std::env::var("WEIR_OUTAGE_SECONDS").map_or(12, |text| text.parse().unwrap());
    let mut world = start(2);
    let first = world.leader(&[0, 1]);
    world.agent.emit("quick:1|g", 1);
    world.page("Quick", "firing");
    world.site.broker.kill();
    std::thread::sleep(Duration::from_secs(away));
    world.site.broker.start_again();
    world.agent.emit("quick:0|g", 1);
    world.page("Quick", "resolved");
    world.quiet();
    assert_eq!(world.leader(&[0, 1]), first, "it was alive all the time");
    assert_eq!(world.alerts[first].reading("weir_alert_terms_total"), Some(1.0));
}
