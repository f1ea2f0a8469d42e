//! Local endpoints in Prometheus' formats, each read once per window: gauges as they are, counters and native histograms as
//! deltas, classic histograms as their buckets.

mod failure;
mod fetch;
mod target;
mod text;
mod totals;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use weir_discovery::{Endpoint, Files};
use weir_sample::{Reading, Series, Value};

use crate::config::Scrape;
use crate::lookup::lookup;
use crate::origin::Origin;
use crate::sampler::Sampler;
use failure::Failure;
use fetch::Fetch;
use target::{Looked, Target};

/// All jobs, and what they brought in the open window.
pub(crate) struct Scraper {
    jobs: Vec<Arc<Scrape>>,
    /// How each job asks.
    fetches: Vec<Result<Arc<Fetch>, String>>,
    origin: Arc<Origin>,
    files: Files,
    idle: HashMap<Key, Target>,
    wanted: Vec<Key>,
    /// What names of `dns` stood for when they were last asked for.
    resolved: HashMap<Endpoint, Vec<Endpoint>>,
    lookups: JoinSet<(Endpoint, std::io::Result<Vec<SocketAddr>>)>,
    running: JoinSet<(Key, Looked)>,
    /// The targets being looked at.
    busy: Vec<Key>,
    gathered: HashMap<Series, Value>,
    shown: Sampler,
    shown_lines: Sampler,
    counts: Counts,
}

/// A target's job, endpoint and further labels.
type Key = (usize, Endpoint, BTreeMap<String, String>);

#[derive(Default)]
struct Counts {
    looks: u64,
    failed: [u64; Failure::REASONS.len()],
    malformed: u64,
    late: u64,
    failed_lookups: u64,
}

/// What is scraped now, and what has brought nothing since the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tally {
    pub targets: usize,
    pub failed: u64,
}

/// The label that tells targets apart which differ only in their path.
const PATH_LABEL: &str = "metrics_path";

/// Looks are spread over this share of a window, so that endpoints are not all asked at once.
const SPREAD: f64 = 0.5;
const SHOW_EVERY: Duration = Duration::from_secs(60);

impl Scraper {
    pub(crate) fn new(jobs: &[Scrape], origin: Origin) -> Self {
        Self {
            jobs: jobs.iter().cloned().map(Arc::new).collect(),
            fetches: jobs.iter().map(fetch).collect(),
            origin: Arc::new(origin),
            files: Files::default(),
            idle: HashMap::new(),
            wanted: Vec::new(),
            resolved: HashMap::new(),
            lookups: JoinSet::new(),
            running: JoinSet::new(),
            busy: Vec::new(),
            gathered: HashMap::new(),
            shown: Sampler::new(SHOW_EVERY),
            shown_lines: Sampler::new(SHOW_EVERY),
            counts: Counts::default(),
        }
    }

    /// Other jobs from now on; counters start anew if something has changed, and what was gathered is kept.
    pub(crate) fn reconfigure(&mut self, jobs: &[Scrape], origin: Origin) {
        if self.jobs.iter().map(Arc::as_ref).ne(jobs) || *self.origin != origin {
            let (gathered, counts) = (std::mem::take(&mut self.gathered), std::mem::take(&mut self.counts));
            let before = std::mem::replace(self, Self { gathered, counts, ..Self::new(jobs, origin) });
            // Those that are asked again say in time what they have still.
            before.idle.into_values().for_each(|target| self.keep(target.gone()));
        }
    }

    /// Begins a window: looks at every target in its course.
    pub(crate) fn begin(&mut self, interval: Duration) {
        self.wanted = self.discover();
        self.ask_for_names();
        let gone = self.idle.extract_if(|key, _| !self.wanted.contains(key)).collect::<Vec<_>>();
        for (_, target) in gone {
            self.keep(target.gone());
        }
        for (job, own) in self.jobs.iter().zip(&mut self.fetches).filter(|(_, own)| own.is_err()) {
            *own = fetch(job);
        }
        self.counts.late += self.busy.len() as u64;
        for key in &self.wanted {
            if self.busy.contains(key) {
                continue;
            }
            let target = self.idle.remove(key).unwrap_or_else(|| self.target(key));
            let (wait, patience) = (interval.mul_f64(SPREAD * share(key)), interval.mul_f64(1.0 - SPREAD));
            self.busy.push(key.clone());
            let (key, fetch) = (key.clone(), self.fetches[key.0].clone());
            self.running.spawn(async move { (key, target.look(fetch, wait, patience).await) });
        }
    }

    /// Asks what the names of `dns` stand for; the next window looks there.
    fn ask_for_names(&mut self) {
        if !self.lookups.is_empty() {
            return;
        }
        for endpoint in self.jobs.iter().flat_map(|job| &job.dns).cloned() {
            self.lookups.spawn(async move {
                let found = lookup(&endpoint.host, endpoint.port).await;
                (endpoint, found)
            });
        }
    }

    /// A name that does not resolve now keeps its addresses of before.
    fn learn_addresses(&mut self, endpoint: Endpoint, found: std::io::Result<Vec<SocketAddr>>) {
        match found {
            Ok(addresses) => {
                let all = addresses.into_iter().map(|address| endpoint.at(address)).collect();
                self.resolved.insert(endpoint, all);
            }
            Err(error) => {
                self.counts.failed_lookups += 1;
                if let Some(left_out) = self.shown.admit(Instant::now()) {
                    tracing::warn!(host = endpoint.host, %error, left_out, "a name to be scraped does not resolve");
                }
            }
        }
    }

    fn discover(&mut self) -> Vec<Key> {
        let mut keys = Vec::new();
        for (at, job) in self.jobs.iter().enumerate() {
            keys.extend(job.targets.iter().map(|endpoint| (at, endpoint.clone(), BTreeMap::new())));
            let named = job.dns.iter().filter_map(|name| self.resolved.get(name)).flatten();
            keys.extend(named.map(|endpoint| (at, endpoint.clone(), BTreeMap::new())));
            for path in &job.files {
                let refused = |error: &str| {
                    tracing::warn!(file = %path.display(), error, "targets cannot be read, those known stay");
                };
                for group in self.files.groups(path, refused) {
                    keys.extend(group.targets.iter().map(|endpoint| (at, endpoint.clone(), group.labels.clone())));
                }
            }
        }
        keys.sort();
        keys.dedup();
        self.tell_apart(keys)
    }

    /// Targets that differ only in their path would have one `up` and share their series: the path becomes a label of theirs.
    fn tell_apart(&self, mut keys: Vec<Key>) -> Vec<Key> {
        let mut alike: HashMap<_, u32> = HashMap::new();
        for key in &keys {
            *alike.entry(self.labels(key)).or_default() += 1;
        }
        for key in &mut keys {
            if alike[&self.labels(key)] > 1 {
                key.2.insert(PATH_LABEL.into(), key.1.path.clone());
            }
        }
        keys
    }

    fn labels(&self, (at, endpoint, more): &Key) -> BTreeMap<String, String> {
        let job = &self.jobs[*at];
        let mut labels: BTreeMap<String, String> = job.labels.clone();
        labels.insert("job".into(), job.job.clone());
        labels.insert("instance".into(), endpoint.instance());
        labels.extend(more.clone());
        labels
    }

    fn target(&self, key: &Key) -> Target {
        let labels = self.labels(key).into_iter().collect();
        Target::new(key.1.clone(), labels, Arc::clone(&self.jobs[key.0]), Arc::clone(&self.origin))
    }

    /// Waits for a look to end and takes what it brought; may be dropped and called again at any time.
    pub(crate) async fn receive(&mut self) {
        tokio::select! {
            Some(ended) = self.running.join_next() => match ended {
                Ok((key, looked)) => self.gather(key, looked),
                // A look that panicked has lost its target, which then starts anew.
                Err(_) => self.busy.clear(),
            },
            Some(Ok((endpoint, found))) = self.lookups.join_next() => self.learn_addresses(endpoint, found),
            else => std::future::pending().await,
        }
    }

    fn gather(&mut self, key: Key, Looked { target, points, malformed, failure }: Looked) {
        self.busy.retain(|busy| *busy != key);
        self.counts.looks += 1;
        self.counts.malformed += malformed.lines;
        if let Some(fault) = malformed.first.filter(|_| failure.is_none())
            && let Some(left_out) = self.shown_lines.admit(Instant::now())
        {
            let (instance, path, lines) = (target.endpoint.instance(), &target.endpoint.path, malformed.lines);
            tracing::warn!(job = target.job.job, instance, path, lines, %fault, left_out, "malformed lines of a scrape are left out");
        }
        if let Some(failure) = failure {
            let at = Failure::REASONS.iter().position(|reason| *reason == failure.reason()).unwrap_or(0);
            self.counts.failed[at] += 1;
            if let Some(left_out) = self.shown.admit(Instant::now()) {
                let (instance, path) = (target.endpoint.instance(), &target.endpoint.path);
                tracing::warn!(job = target.job.job, instance, path, %failure, left_out, "a scrape brought nothing");
            }
        }
        self.keep(points);
        if self.wanted.contains(&key) {
            self.idle.insert(key, target);
        } else {
            self.keep(target.gone());
        }
    }

    fn keep(&mut self, points: Vec<(Series, Value)>) {
        for (series, value) in points {
            match self.gathered.entry(series) {
                Entry::Occupied(mut held) => held.get_mut().merge(value),
                Entry::Vacant(free) => _ = free.insert(value),
            }
        }
    }

    /// Ends the window: what was gathered in it.
    pub(crate) fn close(&mut self) -> Vec<(Series, Value)> {
        self.gathered.drain().collect()
    }

    /// Looks that brought nothing, by reason.
    fn failed(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let looks = Failure::REASONS.into_iter().zip(self.counts.failed);
        looks.chain([("late", self.counts.late), ("name", self.counts.failed_lookups)])
    }

    pub(crate) fn tally(&self) -> Tally {
        Tally { targets: self.wanted.len(), failed: self.failed().map(|(_, count)| count).sum() }
    }

    pub(crate) fn readings(&self) -> Vec<Reading> {
        if self.jobs.is_empty() {
            return Vec::new();
        }
        let counter = |name, count, help| Reading::counter(name, &[], count, help);
        let mut readings = vec![
            counter("weir_agent_scrapes_total", self.counts.looks, "Scrapes that ended, well or not."),
            counter("weir_agent_scrape_malformed_lines_total", self.counts.malformed, MALFORMED_HELP),
            Reading::gauge("weir_agent_scrape_targets", &[], self.wanted.len() as f64, "Endpoints that are scraped."),
            Reading::gauge(
                "weir_agent_scrape_wrong_files",
                &[],
                self.files.wrong_files() as f64,
                "Target files that cannot be read or are not right (their targets may be out of date): the log says why.",
            ),
        ];
        readings.extend(self.failed().map(|(reason, count)| {
            Reading::counter("weir_agent_failed_scrapes_total", &[("reason", reason)], count, FAILED_HELP)
        }));
        readings
    }
}

fn fetch(job: &Scrape) -> Result<Arc<Fetch>, String> {
    Fetch::new(&job.client(), job.scrape_native_histograms, job.timeout()).map(Arc::new)
}

/// Where in the spread a target is looked at: always at the same place, so that its deltas span whole windows.
fn share(key: &Key) -> f64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    (hasher.finish() % 1_000) as f64 / 1_000.0
}

const MALFORMED_HELP: &str = "Lines of scraped endpoints that are not in the text format, and families that are not in \
    protobuf's (loss): ask the endpoint by hand and look for lines without a number.";
const FAILED_HELP: &str = "Scrapes that brought nothing (loss of one window each; counters catch up at the next): \
    connection, timeout, status, not_http, not_metrics, redirect and cut_short are for the endpoint to mend; tls and secret are for the \
    job's certificates, keys and files; too_large and too_many_samples \
    for a relabel rule at the endpoint or a higher max_samples; late means that the agent itself was held up; \
    name that a name of `dns` does not resolve.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_that_differ_only_in_their_path_have_their_own_up() {
        let check = |jobs: &[&str], expected: &[Option<&str>]| {
            let jobs: Vec<Scrape> = jobs.iter().map(|job| toml::from_str(job).unwrap()).collect();
            let mut scraper = Scraper::new(&jobs, Origin::new("h", &BTreeMap::new()));
            let keys = scraper.discover();
            let labels: Vec<_> = keys.iter().map(|key| scraper.labels(key)).collect();
            let paths: Vec<_> = labels.iter().map(|labels| labels.get(PATH_LABEL).map(String::as_str)).collect();
            assert_eq!(paths, expected);
            assert!(labels.iter().enumerate().all(|(at, one)| !labels[..at].contains(one)), "{labels:?}");
        };
        check(&["job = 'j'\ntargets = ['h:1/a', 'h:1/b?x=1', 'h:2/a', 'h:1/a']"], &[Some("/a"), Some("/b?x=1"), None]);
        check(&["job = 'j'\ntargets = ['h:1/a']", "job = 'k'\ntargets = ['h:1/b']"], &[None, None]);
        check(&["job = 'j'\ntargets = ['h:1']", "job = 'j'\ntargets = ['h:1/b']"], &[Some("/metrics"), Some("/b")]);
    }
}
