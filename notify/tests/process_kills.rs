//! A notifier's process is killed again and again while its channel fails a third of the time: every alert is told, each repeat has the key
//! of the first, and nothing is told that nobody fired.
//!
//! `WEIR_NOTIFIER_KILLS=1000` for more than the usual 200.

#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "this process and its kills are real, and so is the time")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use weir_alert::event::{Event, Status};
use weir_alert::routing::Config;
use weir_alert::template::Templates;
use weir_notify::{Notifier, Runner, Settings};
use weir_sample::Timestamp;

const PATIENCE: Duration = Duration::from_secs(60);
/// New alerts for each life of the process.
const BORN: usize = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("notifier") => notifier(Path::new(&arguments[2]), &arguments[3]),
        // What `cargo test` asks of every test.
        Some("--list") => {}
        _ => killed_again_and_again(),
    }
}

#[expect(clippy::disallowed_methods, reason = "processes live in real time")]
fn clock() -> Timestamp {
    Timestamp(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64)
}

fn config(port: &str) -> Config {
    let url = |path: &str| format!("{{url: 'http://127.0.0.1:{port}/{path}'}}");
    let text = format!(
        "route: {{receiver: a, group_by: [g], group_wait: 10ms, group_interval: 50ms, repeat_interval: 4h}}\n\
         receivers: [{{name: a, webhook_configs: [{}, {}]}}]",
        url("one"),
        url("two")
    );
    Config::read("am.yml", &text).unwrap()
}

/// The process that is killed: takes events from a file that grows, from where it had come.
fn notifier(folder: &Path, port: &str) {
    let settings = Settings::new(folder.join("state"), "http://weir");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (runner, handle, _) = Runner::new(settings, config(port), Templates::default(), clock);
        tokio::spawn(runner.run());
        let position = handle.ask(|notifier, _| notifier.position().unwrap()).await.unwrap().unwrap_or_default();
        let mut place: usize = String::from_utf8(position).unwrap().parse().unwrap_or(0);
        loop {
            let text = std::fs::read_to_string(folder.join("events")).unwrap();
            let whole = text.rfind('\n').map_or(0, |end| end + 1);
            let events: Vec<Event> =
                text[place..whole].lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            if events.is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            }
            place = whole;
            handle.tell(events, Some(place.to_string().into_bytes())).await.unwrap();
        }
    });
}

/// Numbers that look random.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Path, alert, status.
type Told = (String, String, String);

/// What the channel saw.
#[derive(Default)]
struct Seen {
    requests: usize,
    /// By path and key, the bodies that came under it.
    bodies: BTreeMap<(String, String), BTreeSet<String>>,
    /// What it took, whatever it answered.
    taken: BTreeSet<Told>,
}

fn listen(seen: Arc<Mutex<Seen>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let dice = Arc::new(Mutex::new(Dice(0x1234_5678_9abc_def1)));
        for stream in listener.incoming().flatten() {
            let (seen, dice) = (seen.clone(), dice.clone());
            std::thread::spawn(move || while serve(&stream, &seen, &dice).is_some() {});
        }
    });
    port
}

/// One request: a third fails, some of these after they were taken.
fn serve(stream: &TcpStream, seen: &Mutex<Seen>, dice: &Mutex<Dice>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut length, mut key, mut path) = (0, String::new(), String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        match line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value)) {
            None if line.is_empty() => break,
            None => line.split(' ').nth(1)?.clone_into(&mut path),
            Some((name, value)) if name == "content-length" => length = value.parse().ok()?,
            Some((name, value)) if name == "idempotency-key" => value.clone_into(&mut key),
            Some(_) => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let luck = dice.lock().unwrap().below(12);
    take(&mut seen.lock().unwrap(), path, key, String::from_utf8(body).ok()?, luck < 10);
    let mut stream = stream;
    match luck {
        0..=7 => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok(),
        8 | 10 => stream.write_all(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n").ok(),
        _ => stream.shutdown(Shutdown::Both).ok().and(None),
    }
}

fn take(seen: &mut Seen, path: String, key: String, body: String, taken: bool) {
    let told: serde_json::Value = serde_json::from_str(&body).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    for alert in told["alerts"].as_array().unwrap().iter().filter(|_| taken) {
        seen.taken.insert((path.clone(), text(&alert["labels"]["n"]), text(&alert["status"])));
    }
    seen.requests += 1;
    seen.bodies.entry((path, key)).or_default().insert(body);
}

fn event(number: usize, status: Status) -> String {
    let labels = [("n", number.to_string()), ("g", (number % 7).to_string())];
    let now = clock().millis();
    let event = Event {
        tenant: 0,
        labels: labels.map(|(name, value)| (name.to_owned(), value)).into(),
        annotations: Default::default(),
        status,
        starts_at_ms: now,
        ends_at_ms: if status == Status::Firing { i64::MAX } else { now },
        evaluated_at_ms: now,
        value: None,
        active_at_ms: 0,
        late: false,
        generator_url: String::new(),
        seq: 0,
        source: "rules.yml;g".into(),
    };
    serde_json::to_string(&event).unwrap()
}

fn start(folder: &Path, port: u16) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["notifier".as_ref(), folder.as_os_str(), port.to_string().as_ref()])
        .spawn()
        .unwrap()
}

/// Both channels heard this of an alert.
fn heard(seen: &Seen, number: usize, status: &str) -> bool {
    ["/one", "/two"].iter().all(|path| seen.taken.contains(&((*path).into(), number.to_string(), status.into())))
}

fn killed_again_and_again() {
    let kills: usize = std::env::var("WEIR_NOTIFIER_KILLS").map_or(200, |text| text.parse().unwrap());
    // In memory: a kill leaves in a file what was written, synced or not.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let (seen, mut dice) = (Arc::new(Mutex::new(Seen::default())), Dice(0x5eed_5eed_5eed_5eed));
    let port = listen(seen.clone());
    let mut source = OpenOptions::new().create(true).append(true).open(folder.path().join("events")).unwrap();
    let (mut fired, mut resolved) = (0, BTreeSet::new());
    for _ in 0..kills {
        // What was told may resolve; what was not would rightly never be told.
        let told: Vec<usize> = (0..fired)
            .filter(|number| {
                number % 2 == 0 && !resolved.contains(number) && heard(&seen.lock().unwrap(), *number, "firing")
            })
            .collect();
        for number in told {
            writeln!(source, "{}", event(number, Status::Resolved)).unwrap();
            resolved.insert(number);
        }
        for _ in 0..BORN {
            writeln!(source, "{}", event(fired, Status::Firing)).unwrap();
            fired += 1;
        }
        let mut process = start(folder.path(), port);
        std::thread::sleep(Duration::from_millis(20 + dice.below(130)));
        process.kill().unwrap();
        process.wait().unwrap();
    }
    let mut last = start(folder.path(), port);
    let done = |seen: &Seen| {
        (0..fired).all(|number| heard(seen, number, "firing"))
            && resolved.iter().all(|number| heard(seen, *number, "resolved"))
    };
    let since = Instant::now();
    while !done(&seen.lock().unwrap()) && since.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(20));
    }
    last.kill().unwrap();
    last.wait().unwrap();
    check(&seen.lock().unwrap(), folder.path(), port, kills, fired, &resolved);
}

fn check(seen: &Seen, folder: &Path, port: u16, kills: usize, fired: usize, resolved: &BTreeSet<usize>) {
    let firing = (0..fired).map(|number| (number, "firing"));
    let both = firing.chain(resolved.iter().map(|number| (*number, "resolved")));
    let told = |path: &str, (number, status): (usize, &str)| (path.to_owned(), number.to_string(), status.to_owned());
    let expected: BTreeSet<Told> = both.flat_map(|one| [told("/one", one), told("/two", one)]).collect();
    let untold: Vec<_> = expected.difference(&seen.taken).collect();
    let invented: Vec<_> = seen.taken.difference(&expected).collect();
    assert!(untold.is_empty() && invented.is_empty(), "untold {untold:?}, invented {invented:?}");
    let mut of_body: BTreeMap<(&str, &String), &str> = BTreeMap::new();
    for ((path, key), bodies) in &seen.bodies {
        assert_eq!(bodies.len(), 1, "one key, one body: {bodies:?}");
        let same = of_body.insert((path, bodies.first().unwrap()), key);
        assert_eq!(same, None, "a repeat has the key of the first, not {key}");
    }
    let settings = Settings::new(folder.join("state"), "http://weir");
    let notifier = Notifier::open(settings, config(&port.to_string()), Templates::default(), clock()).unwrap();
    let history = notifier.history(Timestamp(0), Timestamp(i64::MAX), usize::MAX).unwrap();
    let waiting = notifier.channels().values().map(|status| status.waiting).sum::<usize>();
    let known: BTreeSet<String> = history.into_iter().map(|sent| sent.key).collect();
    let unexplained = seen.bodies.keys().filter(|(_, key)| !known.contains(key)).count();
    assert!(unexplained <= waiting, "{unexplained} requests are neither in the history nor on their way ({waiting})");
    let repeats = seen.requests - seen.bodies.len();
    assert!(repeats > kills / 10, "kills and failures made repeats: {repeats}");
    println!(
        "{kills} kills, {fired} alerts, {} resolved: {} requests, {repeats} repeats",
        resolved.len(),
        seen.requests
    );
}
