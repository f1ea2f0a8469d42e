//! Requests counted from web servers' access logs: by service, method, status class and route, with the distribution of
//! their duration where the log tells it.

mod tail;

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use weir_sample::{Histogram, Reading, Series, Value};

use crate::aside::Aside;
use crate::config::{AccessLog, Request};
use crate::origin::Origin;
use crate::sampler::Sampler;
use tail::{Position, Start, Tail};

/// All logs, and what was counted in the open window.
pub(crate) struct AccessLogs {
    logs: Vec<Log>,
    /// Those that there ought to be: one that hangs is not among `logs`.
    wanted: Vec<AccessLog>,
    aside: Aside<(Log, Look)>,
    /// Where reading stood last.
    known: BTreeMap<PathBuf, Position>,
    origin: Origin,
    positions: PathBuf,
    shown: Sampler,
    malformed: u64,
    failed_reads: u64,
    /// Of logs that a reload has ended.
    too_long: u64,
}

/// What waits to be counted, and what was not since the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tally {
    pub behind_bytes: u64,
    pub lost_lines: u64,
}

struct Log {
    settings: AccessLog,
    tail: Tail,
    counted: HashMap<Key, Counted>,
    /// Bytes that wait to be read.
    behind: u64,
}

/// What one look at a log brought besides its requests.
struct Look {
    malformed: u64,
    /// The first line that was.
    example: String,
    error: Option<std::io::Error>,
}

/// What tells requests apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    method: &'static str,
    class: u8,
    /// One past the last route stands for all others.
    route: usize,
}

#[derive(Default)]
struct Counted {
    requests: f64,
    bytes: f64,
    durations: Option<Box<Histogram>>,
    /// Windows without a request.
    idle: u32,
}

const SHOW_EVERY: Duration = Duration::from_secs(60);
/// Read per log and look, so that a burst does not hold up the rest.
const MAX_READ_BYTES: usize = 4 << 20;
/// What one look may take; a log on a dead mount is left out while it hangs.
const LIMIT: Duration = Duration::from_secs(2);
/// As for StatsD: an idle counter says zero for so many windows, and then ends.
const IDLE_WINDOWS: u32 = 30;

impl AccessLogs {
    /// `state` is the folder where positions are kept over a restart.
    pub(crate) fn new(settings: &[AccessLog], origin: Origin, state: &Path) -> Self {
        let positions = state.join("access-logs");
        let known = read_positions(&positions);
        let log = |settings: &AccessLog| {
            let first = if settings.from_start { Start::Beginning } else { Start::End };
            let start = known.get(&settings.path).map_or(first, |position| Start::At(*position));
            Log {
                settings: settings.clone(),
                tail: Tail::new(&settings.path, start),
                counted: HashMap::new(),
                behind: 0,
            }
        };
        let logs = settings.iter().map(log).collect();
        let shown = Sampler::new(SHOW_EVERY);
        let (wanted, aside) = (settings.to_vec(), Aside::new());
        Self { logs, wanted, aside, known, origin, positions, shown, malformed: 0, failed_reads: 0, too_long: 0 }
    }

    /// Other logs from now on; those that stay as they are go on.
    pub(crate) fn reconfigure(&mut self, settings: &[AccessLog], origin: Origin) {
        self.keep_positions();
        let mut new = Self::new(settings, origin, self.positions.parent().unwrap_or(Path::new("")));
        for old in self.logs.drain(..) {
            match new.logs.iter_mut().find(|log| log.settings == old.settings) {
                Some(same) => *same = old,
                None => self.too_long += old.tail.too_long,
            }
        }
        (self.logs, self.wanted, self.origin) = (new.logs, new.wanted, new.origin);
    }

    /// Whether there is anything to read.
    pub(crate) fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// The logs that hang.
    pub(crate) fn hung(&self) -> impl Iterator<Item = String> {
        self.aside.hung().map(|path| format!("access log {path}"))
    }

    /// Reads what was added.
    pub(crate) fn read(&mut self) {
        let mut due = std::mem::take(&mut self.logs);
        for (log, look) in self.aside.returned() {
            self.record(&log.settings.path, look);
            // A reload may have put the same in its place, or none.
            match due.iter_mut().find(|other| other.settings.path == log.settings.path) {
                Some(other) if other.settings == log.settings => *other = log,
                None if self.wanted.contains(&log.settings) => self.logs.push(log),
                _ => self.too_long += log.tail.too_long,
            }
        }
        for mut log in due {
            let path = log.settings.path.clone();
            let name = path.display().to_string();
            if self.aside.hangs(&name) {
                self.logs.push(log);
                continue;
            }
            let outcome = self.aside.call(&name, LIMIT, move || {
                let look = log.read();
                (log, look)
            });
            if let Some((log, look)) = outcome {
                self.record(&path, look);
                self.logs.push(log);
            }
        }
    }

    fn record(&mut self, path: &Path, Look { malformed, example, error }: Look) {
        self.malformed += malformed;
        for _ in 0..malformed {
            if let Some(left_out) = self.shown.admit(Instant::now()) {
                let (path, line) = (path.display(), &example);
                tracing::warn!(%path, line, left_out, "an access log's line is not of its format");
            }
        }
        let Some(error) = error else { return };
        self.failed_reads += 1;
        if let Some(left_out) = self.shown.admit(Instant::now()) {
            tracing::warn!(path = %path.display(), %error, left_out, "an access log cannot be read");
        }
    }

    /// Ends the window: its points.
    pub(crate) fn close(&mut self) -> Vec<(Series, Value)> {
        self.read();
        let mut points = Vec::new();
        for log in &mut self.logs {
            let Log { settings, counted, .. } = log;
            for (key, counted) in &mut *counted {
                let labels = labels(settings, key);
                let series = |name| self.origin.series(name, labels.iter().copied());
                let Counted { requests, bytes, durations, idle } = counted;
                *idle = if *requests > 0.0 { 0 } else { *idle + 1 };
                points.push((series("http_server_requests_total"), Value::Counter(std::mem::take(requests))));
                points.push((series("http_server_response_bytes_total"), Value::Counter(std::mem::take(bytes))));
                let durations = durations.take().map(Value::Distribution);
                points.extend(durations.map(|histogram| (series("http_server_request_duration_seconds"), histogram)));
            }
            counted.retain(|_, counted| counted.idle < IDLE_WINDOWS);
        }
        self.keep_positions();
        points
    }

    /// Logs that a restart takes up where this run stops. What is lost with a crash is read again or skipped, a window
    /// at most.
    fn keep_positions(&mut self) {
        let mut text = String::new();
        for log in &self.logs {
            self.known.extend(log.tail.position().map(|position| (log.settings.path.clone(), position)));
        }
        for AccessLog { path, .. } in &self.wanted {
            if let Some(Position { inode, offset, head }) = self.known.get(path) {
                let head = head.map_or(String::new(), |head| format!(":{head:x}"));
                text.push_str(&format!("{inode}{head} {offset} {}\n", path.display()));
            }
        }
        if text.is_empty() {
            return;
        }
        if let Err(error) = weir_files::write_whole(&self.positions, |file| file.write_all(text.as_bytes())) {
            tracing::warn!(%error, "positions in access logs cannot be kept");
        }
    }

    fn too_long(&self) -> u64 {
        self.too_long + self.logs.iter().map(|log| log.tail.too_long).sum::<u64>()
    }

    fn behind_bytes(&self) -> u64 {
        self.logs.iter().map(|log| log.behind).sum()
    }

    pub(crate) fn tally(&self) -> Tally {
        Tally { behind_bytes: self.behind_bytes(), lost_lines: self.malformed + self.too_long() }
    }

    pub(crate) fn readings(&self) -> Vec<Reading> {
        if self.wanted.is_empty() {
            return Vec::new();
        }
        let lost = |reason, count| {
            Reading::counter("weir_agent_access_log_lost_lines_total", &[("reason", reason)], count, LOST_HELP)
        };
        vec![
            lost("malformed", self.malformed),
            lost("too_long", self.too_long()),
            Reading::counter("weir_agent_access_log_failed_reads_total", &[], self.failed_reads, FAILED_HELP),
            Reading::gauge("weir_agent_access_log_behind_bytes", &[], self.behind_bytes() as f64, BEHIND_HELP),
        ]
    }
}

impl Log {
    fn read(&mut self) -> Look {
        let Self { settings, tail, counted, behind } = self;
        let (mut malformed, mut example) = (0, String::new());
        let outcome = tail.read(MAX_READ_BYTES, Instant::now(), |line| {
            let line = String::from_utf8_lossy(line);
            match settings.format.read(&line) {
                Some(request) => count(counted, settings, &request),
                None => {
                    if malformed == 0 {
                        example = line.chars().take(200).collect();
                    }
                    malformed += 1;
                }
            }
        });
        *behind = tail.behind();
        Look { malformed, example, error: outcome.err() }
    }
}

fn count(counted: &mut HashMap<Key, Counted>, settings: &AccessLog, request: &Request<'_>) {
    let path = request.path.split('?').next().unwrap_or_default();
    let route = settings.routes.iter().position(|route| route.covers(path)).unwrap_or(settings.routes.len());
    let method = METHODS.iter().find(|method| **method == request.method).copied().unwrap_or("_OTHER");
    let class = (request.status / 100).min(9) as u8;
    let counted = counted.entry(Key { method, class, route }).or_default();
    counted.requests += 1.0;
    counted.bytes += request.bytes;
    if let Some(seconds) = request.seconds {
        counted.durations.get_or_insert_default().insert(seconds);
    }
}

/// OpenTelemetry's names; a status class stands where a status would make ten series of one.
fn labels<'a>(settings: &'a AccessLog, key: &Key) -> Vec<(&'static str, &'a str)> {
    let class = CLASSES.get(usize::from(key.class)).copied().unwrap_or("other");
    let mut labels = vec![
        ("service_name", settings.service.as_str()),
        ("http_request_method", key.method),
        ("http_response_status_class", class),
    ];
    match settings.routes.get(key.route) {
        Some(route) => labels.push(("http_route", route.name.as_str())),
        None if !settings.routes.is_empty() => labels.push(("http_route", "other")),
        None => {}
    }
    labels
}

fn read_positions(path: &Path) -> BTreeMap<PathBuf, Position> {
    let line = |line: &str| {
        let mut parts = line.splitn(3, ' ');
        let (file, offset) = (parts.next()?, parts.next()?.parse().ok()?);
        let (inode, head) = file.split_once(':').map_or((file, None), |(inode, head)| (inode, Some(head)));
        let head = head.and_then(|head| u64::from_str_radix(head, 16).ok());
        Some((PathBuf::from(parts.next()?), Position { inode: inode.parse().ok()?, offset, head }))
    };
    let bytes = weir_files::read_if_there(path).ok().flatten().unwrap_or_default();
    String::from_utf8_lossy(&bytes).lines().filter_map(line).collect()
}

const METHODS: [&str; 9] = ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "CONNECT", "TRACE"];
const CLASSES: [&str; 6] = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"];
const LOST_HELP: &str = "Lines of access logs that were not counted (loss): malformed means that the log is written in \
    another format, so mend `format` in [[access_log]]; too_long that a line had more than 32 KiB.";
const FAILED_HELP: &str = "Reads of access logs that failed: the log says why, most often that the agent's user may not \
    read the file.";
const BEHIND_HELP: &str = "Bytes written to access logs and not counted yet; if it grows, the logs grow by more than 4 \
    MB a second.";

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(path: &Path, more: &str) -> AccessLog {
        toml::from_str(&format!("path = {path:?}\nservice = \"shop\"\nfrom_start = true\n{more}")).unwrap()
    }

    fn logs(settings: AccessLog, state: &Path) -> AccessLogs {
        AccessLogs::new(&[settings], Origin::new("h", &BTreeMap::new()), state)
    }

    fn plain(points: &[(Series, Value)]) -> Vec<String> {
        let mut lines: Vec<_> = points
            .iter()
            .map(|(series, value)| match value {
                Value::Distribution(histogram) => format!("{series} n={} sum={}", histogram.count(), histogram.sum()),
                value => format!("{series} {value:?}"),
            })
            .collect();
        lines.sort();
        lines
    }

    #[test]
    fn requests_are_counted_by_class_method_and_route() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let text = "200 10 0.5 GET /users/7?x=1\n201 10 0.25 GET /users/8\n503 0 - BREW /tea\nrubbish\n";
        std::fs::write(&path, text).unwrap();
        let format = "format = '$status $bytes_sent $request_time $request_method $uri'";
        let mut logs = logs(settings(&path, &format!("{format}\nroutes = ['/users/*']")), folder.path());
        let users = r#"{host="h",http_request_method="GET",http_response_status_class="2xx",http_route="/users/*",service_name="shop"}"#;
        let tea = r#"{host="h",http_request_method="_OTHER",http_response_status_class="5xx",http_route="other",service_name="shop"}"#;
        let expected = [
            format!("http_server_request_duration_seconds{users} n=2 sum=0.75"),
            format!("http_server_requests_total{users} Counter(2.0)"),
            format!("http_server_requests_total{tea} Counter(1.0)"),
            format!("http_server_response_bytes_total{users} Counter(20.0)"),
            format!("http_server_response_bytes_total{tea} Counter(0.0)"),
        ];
        assert_eq!(plain(&logs.close()), expected);
        assert_eq!(logs.readings()[0].value, 1.0);
        assert!(plain(&logs.close()).iter().all(|line| line.ends_with("Counter(0.0)")));
    }

    #[test]
    fn a_restart_counts_each_line_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let settings = settings(&path, "format = '$status'");
        let total = |logs: &mut AccessLogs| {
            let counted = |(series, value): (Series, Value)| match value {
                Value::Counter(delta) if series.name() == "http_server_requests_total" => delta,
                _ => 0.0,
            };
            logs.close().into_iter().map(counted).sum::<f64>()
        };
        std::fs::write(&path, "200\n200\n").unwrap();
        assert_eq!(total(&mut logs(settings.clone(), folder.path())), 2.0);
        std::fs::write(&path, "200\n200\n200\n").unwrap();
        assert_eq!(total(&mut logs(settings, folder.path())), 1.0);
    }

    #[test]
    fn positions_that_cannot_be_written_stay_what_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        std::fs::write(&path, "200\n").unwrap();
        let mut logs = logs(settings(&path, "format = '$status'"), folder.path());
        logs.close();
        let before = read_positions(&logs.positions);
        std::fs::write(&path, "200\n200\n").unwrap();
        let disk = weir_files::fault::Disk::under(folder.path());
        // The draft is made, and its bytes find no room.
        disk.fail_after(1, weir_files::fault::Fault::NoSpace);
        logs.close();
        assert_eq!((before.len(), read_positions(&logs.positions)), (1, before));
    }

    #[test]
    fn a_pipe_is_no_log_and_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let mut logs = logs(settings(&path, "format = '$status'"), folder.path());
        assert!(logs.close().is_empty());
        assert_eq!((logs.failed_reads, logs.hung().count()), (1, 0));
        // A plain file in its place is read.
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "200\n").unwrap();
        assert_eq!(plain(&logs.close()).len(), 2);
    }
}
