//! Killed at any instant, before and after each step: every alert is told, each repeat has the key of the first, and nothing is told that
//! nobody fired.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use weir_alert::event::{Event, Status};
use weir_alert::routing::Config;
use weir_notify::{Job, Notifier, Outcome, Request, Settings, load_templates};
use weir_sample::Timestamp;

const CONFIG: &str = "
route:
  receiver: a
  group_by: [g]
  group_wait: 5s
  group_interval: 20s
  repeat_interval: 10m
  routes: [{receiver: b, matchers: [g=~1|2], continue: true}, {receiver: a}]
receivers:
  - {name: a, webhook_configs: [{url: 'http://a/'}]}
  - {name: b, webhook_configs: [{url: 'http://b/'}, {url: 'http://c/', send_resolved: false}]}
";

const KILLS: usize = 320;

/// A folder in memory: what matters here is what a kill leaves in the file, not what a power cut leaves on the disk.
fn in_memory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Numbers that look random and are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

struct World {
    folder: tempfile::TempDir,
    notifier: Notifier,
    now: Timestamp,
    dice: Dice,
    kills: usize,
    /// What the source holds; the position is how many of them are safe.
    source: Vec<Event>,
    /// Key → what was asked under it, each time it was.
    asked: BTreeMap<String, BTreeSet<Vec<u8>>>,
    /// What channels took: channel, alert's name, status.
    taken: BTreeSet<(String, String, String)>,
    tries: usize,
}

fn open(folder: &Path, now: Timestamp) -> Notifier {
    let config = Config::read("am.yml", CONFIG).unwrap();
    let templates = load_templates(&config, folder).unwrap();
    Notifier::open(Settings::new(folder.join("state"), "http://weir"), config, templates, now).unwrap()
}

impl World {
    /// One time in four the process is killed here: what is in memory is gone, the file is as it stands.
    fn maybe_kill(&mut self, chance: u64) -> bool {
        if self.kills >= KILLS || self.dice.below(chance) != 0 {
            return false;
        }
        self.kills += 1;
        let next = in_memory();
        std::fs::copy(self.folder.path().join("state"), next.path().join("state")).unwrap();
        self.notifier = open(next.path(), self.now);
        self.folder = next;
        true
    }

    fn position(&self) -> usize {
        let bytes = self.notifier.position().unwrap().unwrap_or_default();
        String::from_utf8(bytes).unwrap().parse().unwrap_or(0)
    }

    fn step(&mut self) {
        self.now = self.now.plus(Duration::from_secs(1 + self.dice.below(3)));
        let at = self.position();
        let until = (at + self.dice.below(5) as usize).min(self.source.len());
        let events = self.source[at..until].to_vec();
        self.notifier.accept(self.now, &events, Some(until.to_string().as_bytes())).unwrap();
        self.maybe_kill(8);
        self.notifier.tick(self.now).unwrap();
        self.maybe_kill(8);
        let jobs = self.notifier.jobs(self.now).unwrap();
        if self.maybe_kill(8) {
            return;
        }
        let outcomes: Vec<(u64, Outcome)> = jobs.iter().map(|job| (job.id, self.send(job))).collect();
        // Sent, and not known to be.
        if self.maybe_kill(3) {
            return;
        }
        self.notifier.finish(self.now, outcomes).unwrap();
        self.maybe_kill(8);
    }

    /// A channel that fails a third of the time, half of these after it took the request.
    fn send(&mut self, job: &Job) -> Outcome {
        let Request::Http(request) = &job.request else { panic!("no HTTP") };
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        self.asked.entry(job.key.clone()).or_default().insert(request.body.clone());
        self.tries += 1;
        let luck = self.dice.below(6);
        if luck != 0 {
            for alert in body["alerts"].as_array().unwrap() {
                let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
                let name = text(&alert["labels"]["n"]);
                self.taken.insert((format!("{}/{}", job.receiver, job.channel), name, text(&alert["status"])));
            }
        }
        if luck <= 1 { Outcome::Failed { after: None, why: "answered 503".into() } } else { Outcome::Told }
    }
}

fn event(number: usize, status: Status, at_s: i64) -> Event {
    let labels =
        [("n", number.to_string()), ("g", (number % 5).to_string())].map(|(name, value)| (name.to_owned(), value));
    let at = Timestamp::from_secs(1_764_000_000 + at_s).millis();
    Event {
        tenant: 0,
        labels: labels.into(),
        annotations: Default::default(),
        status,
        starts_at_ms: at,
        ends_at_ms: if status == Status::Firing { i64::MAX } else { at },
        evaluated_at_ms: at,
        value: None,
        active_at_ms: 0,
        late: false,
        generator_url: String::new(),
        seq: 0,
        source: "rules.yml;g".into(),
    }
}

#[test]
fn killed_at_any_instant_every_alert_is_told_with_the_same_key() {
    let folder = in_memory();
    let now = Timestamp::from_secs(1_764_000_000);
    let notifier = open(folder.path(), now);
    let source: Vec<Event> = (0..400).map(|number| event(number, Status::Firing, number as i64)).collect();
    let mut world = World {
        folder,
        notifier,
        now,
        dice: Dice(0x5eed_1234_5678_9abc),
        kills: 0,
        source,
        asked: BTreeMap::new(),
        taken: BTreeSet::new(),
        tries: 0,
    };
    for _ in 0..480 {
        world.step();
    }
    assert_eq!((world.kills, world.position()), (KILLS, 400), "killed often enough, and all was read");
    let resolved: Vec<Event> = (0..200).map(|number| event(2 * number, Status::Resolved, 4_000)).collect();
    world.source.extend(resolved);
    for _ in 0..300 {
        world.step();
    }
    let channels = |number: usize| {
        if matches!(number % 5, 1 | 2) {
            &["b/webhook[0]", "b/webhook[1]", "a/webhook[0]"][..]
        } else {
            &["a/webhook[0]"]
        }
    };
    let mut expected = BTreeSet::new();
    for number in 0..400 {
        for channel in channels(number) {
            expected.insert(((*channel).to_owned(), number.to_string(), "firing".to_owned()));
            if number % 2 == 0 && *channel != "b/webhook[1]" {
                expected.insert(((*channel).to_owned(), number.to_string(), "resolved".to_owned()));
            }
        }
    }
    let untold: Vec<_> = expected.difference(&world.taken).collect();
    let invented: Vec<_> = world.taken.difference(&expected).collect();
    assert!(untold.is_empty() && invented.is_empty(), "untold {untold:?}, invented {invented:?}");
    let torn: Vec<&String> = world.asked.iter().filter(|(_, bodies)| bodies.len() != 1).map(|(key, _)| key).collect();
    assert!(torn.is_empty(), "a key stands for one body: {torn:?}");
    assert!(world.tries > world.asked.len() + 50, "there were repeats: {} tries of {}", world.tries, world.asked.len());
    let history = world.notifier.history(Timestamp(0), Timestamp(i64::MAX), usize::MAX).unwrap();
    let known: BTreeSet<&str> = history.iter().map(|sent| sent.key.as_str()).collect();
    assert!(world.asked.keys().all(|key| known.contains(key.as_str())), "every request is explained by the history");
}
