//! The core by virtual time: who is told what and when, as documented of Alertmanager.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Duration;

use weir_alert::event::{Event, Pairs, Status};
use weir_alert::routing::Config;
use weir_alert::routing::matcher::read_several;
use weir_notify::{Job, NewSilence, Notifier, Outcome, Request, Settings, load_templates};
use weir_sample::Timestamp;

const START: i64 = 1_764_072_000_000;

/// A notifier, and channels that answer as they are told.
struct World {
    folder: tempfile::TempDir,
    notifier: Notifier,
    now: Timestamp,
    /// What a channel answers; `Told` where nothing is said.
    answers: Vec<(&'static str, Outcome)>,
    sent: Vec<String>,
    keys: Vec<(String, String)>,
}

impl World {
    fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp(START);
        let notifier = open(folder.path(), config, now);
        Self { folder, notifier, now, answers: Vec::new(), sent: Vec::new(), keys: Vec::new() }
    }

    fn restart(&mut self, config: &str) {
        let copy = self.folder.path().join("copy");
        std::fs::copy(self.folder.path().join("state"), &copy).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        std::fs::rename(copy, elsewhere.path().join("state")).unwrap();
        self.notifier = open(elsewhere.path(), config, self.now);
        self.folder = elsewhere;
    }

    fn event(&mut self, labels: &str, status: Status) {
        let event = self.made(labels, status, "rules.yml;g");
        self.notifier.accept(self.now, &[event], None).unwrap();
    }

    fn made(&self, labels: &str, status: Status, source: &str) -> Event {
        let labels: Pairs =
            labels.split(' ').filter_map(|pair| pair.split_once('=')).map(|(n, v)| (n.into(), v.into())).collect();
        let now = self.now.millis();
        let ends_at_ms = if status == Status::Firing { now + 240_000 } else { now };
        Event {
            tenant: 0,
            labels,
            annotations: [("summary".to_owned(), "s".to_owned())].into(),
            status,
            starts_at_ms: now,
            ends_at_ms,
            evaluated_at_ms: now,
            value: Some(1.0),
            active_at_ms: 0,
            late: false,
            generator_url: "http://g".into(),
            seq: 0,
            source: source.into(),
        }
    }

    fn fire(&mut self, labels: &str) {
        self.event(labels, Status::Firing);
    }

    fn resolve(&mut self, labels: &str) {
        self.event(labels, Status::Resolved);
    }

    /// Lets time pass in steps of a second, and sends what is due.
    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now = self.now.plus(Duration::from_secs(1));
            self.notifier.tick(self.now).unwrap();
            self.send();
        }
    }

    fn send(&mut self) {
        loop {
            let jobs = self.notifier.jobs(self.now).unwrap();
            if jobs.is_empty() {
                return;
            }
            let outcomes = jobs.into_iter().map(|job| (job.id, self.answer(&job))).collect();
            self.notifier.finish(self.now, outcomes).unwrap();
        }
    }

    fn answer(&mut self, job: &Job) -> Outcome {
        self.keys.push((job.receiver.clone(), job.key.clone()));
        let told = self.answers.iter().find(|(receiver, _)| *receiver == job.receiver);
        let outcome = told.map_or(Outcome::Told, |(_, outcome)| outcome.clone());
        if outcome == Outcome::Told {
            self.sent.push(format!("{}s {} {}", (self.now.millis() - START) / 1000, job.receiver, shown(job)));
        }
        outcome
    }

    fn check(&mut self, expected: &[&str]) {
        let mut sent = std::mem::take(&mut self.sent);
        sent.sort();
        assert_eq!(sent, expected);
    }
}

fn open(folder: &Path, config: &str, now: Timestamp) -> Notifier {
    let config = Config::read("am.yml", config).unwrap_or_else(|faults| panic!("{}", faults[0]));
    let templates = load_templates(&config, folder).unwrap();
    Notifier::open(Settings::new(folder.join("state"), "http://weir"), config, templates, now).unwrap()
}

/// `firing a+ b-`: the status and the alerts' names with theirs.
fn shown(job: &Job) -> String {
    let Request::Http(request) = &job.request else { panic!("no HTTP") };
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    let alert = |alert: &serde_json::Value| {
        let mark = if alert["status"] == "firing" { '+' } else { '-' };
        format!("{}{mark}", alert["labels"]["n"].as_str().unwrap_or("?"))
    };
    let alerts: Vec<String> = body["alerts"].as_array().unwrap().iter().map(alert).collect();
    let mut alerts = alerts;
    alerts.sort();
    format!("{} {}", body["status"].as_str().unwrap(), alerts.join(" "))
}

const ONE: &str = "
route: {receiver: a, group_by: [g], group_wait: 10s, group_interval: 60s, repeat_interval: 300s}
receivers: [{name: a, webhook_configs: [{url: 'http://a/'}]}]
";

#[test]
fn groups_wait_and_then_tell_what_changed() {
    let mut world = World::new(ONE);
    world.fire("n=x g=1");
    world.pass(5);
    world.fire("n=y g=1");
    world.fire("n=z g=2");
    world.pass(20);
    world.check(&["10s a firing x+ y+", "15s a firing z+"]);
    world.fire("n=w g=1");
    world.pass(60);
    world.check(&["70s a firing w+ x+ y+"]);
    world.resolve("n=x g=1");
    world.pass(60);
    world.check(&["130s a firing w+ x- y+"]);
    for name in ["y", "w"] {
        world.resolve(&format!("n={name} g=1"));
    }
    world.pass(60);
    world.check(&["190s a resolved w- y-"]);
    world.pass(130);
    world.check(&["315s a firing z+"]);
}

#[test]
fn an_alert_that_was_over_before_the_wait_is_not_told() {
    let mut world = World::new(ONE);
    world.fire("n=x g=1");
    world.pass(5);
    world.resolve("n=x g=1");
    world.pass(400);
    world.check(&[]);
    assert!(world.notifier.alerts(0, &[], world.now).is_empty(), "it is forgotten");
}

#[test]
fn a_stall_of_the_evaluator_resolves_nothing_but_of_a_foreign_sender_does() {
    let mut world = World::new(ONE);
    world.fire("n=x g=1");
    let foreign = world.made("n=y g=2", Status::Firing, "api");
    world.notifier.accept(world.now, &[foreign], None).unwrap();
    world.pass(290);
    world.check(&["10s a firing x+", "10s a firing y+", "250s a resolved y-"]);
    // The evaluator goes on and says nothing of it any more: it is over.
    world.pass(60);
    world.fire("n=z g=3");
    world.pass(70);
    let sent = std::mem::take(&mut world.sent);
    assert!(
        sent.contains(&"310s a firing x+".into()) && sent.iter().any(|line| line.ends_with("resolved x-")),
        "{sent:?}"
    );
}

#[test]
fn restarts_repeat_with_the_same_key_and_tell_nothing_twice() {
    let mut world = World::new(ONE);
    world.fire("n=x g=1");
    world.pass(9);
    world.restart(ONE);
    world.pass(5);
    world.check(&["10s a firing x+"]);
    world.restart(ONE);
    world.pass(100);
    world.check(&[]);
    // Killed between the request and its outcome.
    world.fire("n=y g=1");
    world.now = world.now.plus(Duration::from_secs(60));
    world.notifier.tick(world.now).unwrap();
    let first = world.notifier.jobs(world.now).unwrap();
    world.restart(ONE);
    let again = world.notifier.jobs(world.now).unwrap();
    assert_eq!((first.len(), &first), (1, &again), "the same request with the same key");
    let Request::Http(request) = &again[0].request else { panic!("no HTTP") };
    assert!(request.headers.iter().any(|(name, value)| name == "Idempotency-Key" && value.reveal() == again[0].key));
}

const TWO: &str = "
route:
  receiver: a
  group_by: ['...']
  group_wait: 1s
  group_interval: 60s
  routes: [{receiver: b, matchers: [to=b]}]
receivers: [{name: a, webhook_configs: [{url: 'http://a/'}]}, {name: b, webhook_configs: [{url: 'http://b/'}]}]
";

#[test]
fn a_channel_that_is_down_for_an_hour_loses_nothing_and_blocks_no_other() {
    let mut world = World::new(TWO);
    world.answers.push(("b", Outcome::Failed { after: None, why: "refused".into() }));
    for name in ["1", "2", "3"] {
        world.fire(&format!("n={name} to=b"));
    }
    world.fire("n=4");
    world.pass(60);
    world.check(&["1s a firing 4+"]);
    world.resolve("n=2 to=b");
    world.pass(3540);
    let tries = world.keys.len();
    assert!((20..120).contains(&tries), "{tries} tries in an hour");
    let status = &world.notifier.channels()[&("b".to_owned(), "webhook[0]".to_owned())];
    assert_eq!((status.waiting, status.sent, status.last_fault.as_str()), (3, 0, "refused"));
    world.answers.clear();
    world.pass(400);
    let told = |world: &World, text: &str| world.sent.iter().filter(|line| line.ends_with(text)).count();
    for name in ["1", "2", "3"] {
        assert_eq!(told(&world, &format!("b firing {name}+")), 1, "{:?}", world.sent);
    }
    assert_eq!(told(&world, "b resolved 2-"), 1, "{:?}", world.sent);
    let keys: std::collections::BTreeSet<_> = world.keys.iter().filter(|(receiver, _)| receiver == "b").collect();
    assert_eq!(keys.len(), 4, "each repeat has the key of the first");
}

#[test]
fn a_channel_is_asked_again_when_it_says() {
    let mut world = World::new(ONE);
    world.answers.push(("a", Outcome::Failed { after: Some(Duration::from_secs(77)), why: "429".into() }));
    world.fire("n=x g=1");
    world.pass(11);
    world.answers.clear();
    world.pass(75);
    world.check(&[]);
    world.pass(5);
    world.check(&["87s a firing x+"]);
}

#[test]
fn what_is_refused_is_a_dead_letter_that_can_be_sent_again() {
    let mut world = World::new(ONE);
    world.answers.push(("a", Outcome::Refused("answered 400: no such channel".into())));
    world.fire("n=x g=1");
    world.pass(30);
    let letters = world.notifier.dead_letters().unwrap();
    assert_eq!((letters.len(), letters[0].sent.refused.as_str()), (1, "answered 400: no such channel"));
    world.pass(200);
    assert_eq!(world.notifier.dead_letters().unwrap().len(), 1, "it is not made again and again");
    world.answers.clear();
    world.restart(ONE);
    assert!(world.notifier.send_again(letters[0].id, world.now).unwrap());
    assert!(!world.notifier.send_again(999, world.now).unwrap());
    world.pass(1);
    world.check(&["231s a firing x+"]);
    assert_eq!(world.keys[0].1, world.keys[1].1, "with the key that it had");
    assert!(world.notifier.dead_letters().unwrap().is_empty());
    let history = world.notifier.history(Timestamp(0), Timestamp(i64::MAX), 10).unwrap();
    let lines: Vec<(&str, u32)> = history.iter().map(|sent| (sent.refused.as_str(), sent.tries)).collect();
    assert_eq!(lines, [("", 1), ("answered 400: no such channel", 1)]);
}

#[test]
fn history_says_in_which_labels_alerts_differ() {
    let mut world = World::new(ONE);
    world.fire("n=x g=1 tenant=3 pool=db");
    world.fire("n=y g=1 pool=db");
    world.pass(20);
    let history = world.notifier.history(Timestamp(0), Timestamp(i64::MAX), 10).unwrap();
    assert_eq!(history[0].mixed.iter().map(String::as_str).collect::<Vec<_>>(), ["n", "tenant"]);
    assert_eq!(history[0].common_labels.len(), 2, "{:?}", history[0].common_labels);
}

#[test]
fn a_receiver_that_is_gone_leaves_dead_letters() {
    let mut world = World::new(TWO);
    world.answers.push(("b", Outcome::Failed { after: None, why: "down".into() }));
    world.fire("n=1 to=b");
    world.pass(5);
    world.restart(ONE);
    let letters = world.notifier.dead_letters().unwrap();
    assert!(letters[0].sent.refused.contains("gone from the configuration"), "{letters:?}");
    world.pass(10);
    assert_eq!(world.sent.len(), 1, "and whoever the alert goes to now is told: {:?}", world.sent);
}

const QUIET: &str = "
route:
  receiver: a
  group_by: ['...']
  group_wait: 1s
  group_interval: 10s
  routes:
    - {receiver: a, matchers: [to=night], mute_time_intervals: [noon]}
    - {receiver: a, matchers: [to=day], active_time_intervals: [noon]}
receivers: [{name: a, webhook_configs: [{url: 'http://a/'}]}]
inhibit_rules: [{source_matchers: [sev=page], target_matchers: [sev=info], equal: [host]}]
time_intervals: [{name: noon, time_intervals: [{times: [{start_time: '12:00', end_time: '12:01'}]}]}]
";

#[test]
fn inhibited_alerts_are_told_when_their_source_is_over() {
    let mut world = World::new(QUIET);
    world.fire("n=p sev=page host=1");
    world.fire("n=i sev=info host=1");
    world.fire("n=j sev=info host=2");
    world.pass(20);
    world.check(&["1s a firing j+", "1s a firing p+"]);
    let alerts = world.notifier.alerts(0, &[], world.now);
    assert_eq!(alerts.iter().filter(|view| !view.inhibited_by.is_empty()).count(), 1);
    world.resolve("n=p sev=page host=1");
    world.pass(10);
    let mut sent = std::mem::take(&mut world.sent);
    sent.sort();
    assert_eq!(sent, ["21s a firing i+", "21s a resolved p-"]);
}

#[test]
fn mute_and_active_times_hold_and_end() {
    // It is noon.
    let mut world = World::new(QUIET);
    world.fire("n=night to=night");
    world.fire("n=day to=day");
    world.pass(55);
    world.check(&["1s a firing day+"]);
    world.pass(20);
    world.check(&["61s a firing night+"]);
    world.fire("n=late to=day");
    world.pass(100);
    world.check(&[]);
}

fn silence(from: Timestamp, matchers: &str, seconds: u64) -> NewSilence {
    NewSilence {
        id: String::new(),
        tenant: 0,
        matchers: read_several(matchers).unwrap(),
        within: Vec::new(),
        starts_at_ms: from.millis(),
        ends_at_ms: from.plus(Duration::from_secs(seconds)).millis(),
        created_by: "me".into(),
        comment: "work".into(),
    }
}

#[test]
fn silences_hold_from_start_to_end_and_over_restarts() {
    let mut world = World::new(QUIET);
    let asked = silence(world.now, "n=~x|y", 30);
    let id = world.notifier.silence(&asked, false, world.now).unwrap();
    world.fire("n=x");
    world.fire("n=z");
    world.restart(QUIET);
    world.pass(29);
    world.check(&["1s a firing z+"]);
    assert_eq!(world.notifier.alerts(0, &[], world.now)[0].silenced_by, std::slice::from_ref(&id));
    world.pass(10);
    world.check(&["31s a firing x+"]);
    assert!(world.notifier.expire(0, &id, &[], world.now).is_err(), "it is over already");
    let bad = silence(world.now, "n=~.*", 10);
    assert!(world.notifier.silence(&bad, true, world.now).unwrap_err().to_string().contains("empty string"));
    for number in 0..40 {
        world.fire(&format!("n=many{number} team=t"));
    }
    let broad = silence(world.now, "team=t", 10);
    let told = world.notifier.silence(&broad, false, world.now).unwrap_err().to_string();
    assert!(told.contains("mutes 40 alerts of 1 teams, 95 % of all that fire"), "{told}");
    let id = world.notifier.silence(&broad, true, world.now).unwrap();
    world.notifier.expire(0, &id, &[], world.now).unwrap();
    world.pass(11);
    assert_eq!(world.sent.len(), 40, "an ended silence mutes nothing");
}

#[test]
fn tenants_are_grouped_and_silenced_apart() {
    let mut world = World::new(ONE);
    for tenant in [1, 2] {
        let mut event = world.made("n=x g=1", Status::Firing, "api");
        event.tenant = tenant;
        world.notifier.accept(world.now, &[event], None).unwrap();
    }
    let asked = NewSilence { tenant: 2, ..silence(Timestamp(START), "n=x", 60) };
    world.notifier.silence(&asked, true, world.now).unwrap();
    world.pass(20);
    world.check(&["10s a firing x+"]);
    assert_eq!(
        (world.notifier.alerts(1, &[], world.now).len(), world.notifier.groups(2, &[], world.now).len()),
        (1, 1)
    );
}

#[test]
fn what_waits_for_a_channel_hears_of_silences() {
    let config = "{route: {receiver: a, group_by: [g], group_wait: 1s, group_interval: 5m}, \
        receivers: [{name: a, webhook_configs: [{url: 'http://a/'}]}]}";
    let mut world = World::new(config);
    world.answers = vec![("a", Outcome::Failed { after: None, why: "answered 503".into() })];
    world.fire("n=x g=1");
    world.fire("n=y g=1");
    world.fire("n=z g=2");
    world.pass(10);
    world.restart(config);
    for (matchers, seconds) in [("n=x", 3_600), ("n=z", 1_200)] {
        world.notifier.silence(&silence(world.now, matchers, seconds), false, world.now).unwrap();
    }
    world.answers.clear();
    let refused: Vec<String> = std::mem::take(&mut world.keys).into_iter().map(|(_, key)| key).collect();
    world.pass(60);
    world.check(&["12s a firing y+"]);
    assert!(world.keys.iter().all(|(_, key)| !refused.contains(key)), "another body has another key");
    let history = world.notifier.history(Timestamp(0), Timestamp(i64::MAX), 10).unwrap();
    let withdrawn = history.iter().filter(|sent| sent.refused.starts_with("withdrawn"));
    assert_eq!(withdrawn.count(), 2, "{history:?}");
    let text = weir_sample::exposition(world.notifier.readings(world.now).unwrap());
    let channel = "{channel=\"webhook[0]\",receiver=\"a\"}";
    for figure in [
        "notifications_withdrawn_total# 2",
        "notifications_sent_total# 1",
        "notifications_waiting# 0",
        "notify_silences 2",
    ] {
        let line = format!("weir_{}", figure.replace('#', channel));
        assert!(text.lines().any(|seen| seen == line), "{line} is not in\n{text}");
    }
    world.pass(1_200);
    world.check(&["1212s a firing z+"]);
}

#[test]
fn a_clock_that_is_set_back_puts_nothing_off() {
    let mut world = World::new(ONE);
    let hour = Duration::from_secs(3_600);
    world.fire("n=x g=1");
    world.pass(10);
    world.check(&["10s a firing x+"]);
    world.now = world.now.plus(hour);
    world.fire("n=x g=1");
    world.fire("n=y g=2");
    world.answers = vec![("a", Outcome::Failed { why: "down".into(), after: None })];
    world.pass(20);
    world.answers.clear();
    world.now = world.now.minus(hour);
    world.fire("n=w g=1");
    world.pass(70);
    let mut sent = std::mem::take(&mut world.sent);
    sent.sort();
    let told = |text: &str| sent.iter().any(|line| line.ends_with(text));
    assert!(told("firing y+") && told("firing w+ x+"), "{sent:?}");
    world.resolve("n=x g=1");
    world.resolve("n=w g=1");
    world.pass(70);
    assert!(world.sent.iter().any(|line| line.ends_with("resolved w- x-")), "{:?}", world.sent);
}
