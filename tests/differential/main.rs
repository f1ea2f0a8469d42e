//! Random queries, asked of our server and of Debian's Prometheus with the same remote-written data.
//!
//! `WEIR_DIFFERENTIAL_QUERIES` says how many (3,000 in `make test`, as far as a minute lasts), `WEIR_DIFFERENTIAL_SEED`
//! which. A query that differs is made as small as it will get before it is shown, with its seed.

mod answers;
mod data;
mod generator;
mod histograms;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use answers::{When, ask, difference, is_full};
use data::{INSTANTS, PACE};
use generator::{Generator, Node};
use weir_tests::remote_write::{Written, write};
use weir_tests::{Chance, Prometheus, Server, eventually};

const DEPTH: u32 = 5;

struct Both {
    http: ureq::Agent,
    ours: SocketAddr,
    theirs: SocketAddr,
}

impl Both {
    fn difference(&self, query: &Node, when: When) -> Option<String> {
        let query = query.render();
        let ask = |address| ask(&self.http, address, &query, when);
        difference(&ask(self.ours), &ask(self.theirs))
    }

    /// The smallest query that still differs.
    fn shrink(&self, mut query: Node, when: When) -> Node {
        while let Some(simpler) = query.simpler().into_iter().find(|tree| self.difference(tree, when).is_some()) {
            query = simpler;
        }
        query
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_secs() as i64
}

/// In slices of time, because Prometheus takes samples in order.
fn load(address: SocketAddr, data: &[Written]) {
    let last = data.iter().filter_map(|series| series.samples.last()).map(|sample| sample.0).max().unwrap();
    let first = last - INSTANTS * PACE * 1_000;
    for slice in 0..8 {
        let span = INSTANTS * PACE * 1_000 / 8;
        let within = |time: i64| (first + slice * span < time) && time <= first + (slice + 1) * span;
        let cut = |series: &Written| Written {
            samples: series.samples.iter().copied().filter(|sample| within(sample.0)).collect(),
            ..series.clone()
        };
        let part: Vec<Written> = data.iter().map(cut).filter(|series| !series.samples.is_empty()).collect();
        let (status, text) = write(address, &part);
        assert!(status < 300, "{address}: {status} {text}");
    }
}

#[test]
fn random_queries_are_answered_as_prometheus_answers_them() {
    let folder = tempfile::tempdir().unwrap();
    let seed = setting("WEIR_DIFFERENTIAL_SEED").unwrap_or(1);
    let asked = setting("WEIR_DIFFERENTIAL_QUERIES");
    let (count, limit) = (asked.unwrap_or(3_000), Duration::from_secs(if asked.is_some() { 36_000 } else { 40 }));
    let prometheus = Prometheus::start(folder.path());
    let server = Server::start(folder.path());
    let end = (now() / PACE - 4) * PACE + 4;
    let data = data::data(&mut Chance::new(seed), end);
    load(prometheus.address, &data);
    load(server.ports.http, &data);
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    let config = config.timeout_global(Some(Duration::from_secs(60))).build();
    let both = Both { http: config.into(), ours: server.ports.http, theirs: prometheus.address };
    let counted = |name| format!("sum(count_over_time({name}[1h]))");
    let all = ["g_one", "g_two", "c_one_total", "c_two_total", "up", "h_bucket", "gone"].map(counted).join(" + ");
    eventually("our server to have all samples", Duration::from_secs(60), || {
        let of = |address| ask(&both.http, address, &all, When::At(end + 3));
        difference(&of(both.ours), &of(both.theirs)).is_none().then_some(())
    });

    let started = Instant::now();
    let mut differing = Vec::new();
    let (mut done, mut full) = (0, 0);
    for number in 0..count {
        if started.elapsed() > limit || differing.len() >= 5 {
            break;
        }
        let mut chance = Chance::new(seed.wrapping_mul(1_000_003).wrapping_add(number));
        let depth = 1 + chance.below(u64::from(DEPTH)) as u32;
        let query = Generator(&mut chance).vector(depth);
        // Seven seconds after a sample's pace: no window of a query ends at one.
        let at = end + 3 - PACE * chance.below(100) as i64;
        let when = if chance.happens(0.5) { When::At(at) } else { When::From(at - 300, at, 60) };
        let ours = ask(&both.http, both.ours, &query.render(), when);
        (done, full) = (done + 1, full + u64::from(is_full(&ours)));
        if difference(&ours, &ask(&both.http, both.theirs, &query.render(), when)).is_some() {
            let smallest = both.shrink(query, when);
            let why = both.difference(&smallest, when).unwrap_or_default();
            differing.push(format!("seed {seed}, query {number}, {when:?}: {}\n    {why}", smallest.render()));
        }
    }
    println!("seed {seed}: {done} queries, {full} of them with an answer, in {:?}", started.elapsed());
    assert!(differing.is_empty(), "\n{}", differing.join("\n"));
    assert!(done >= 300 && full > done / 3, "{done} queries, {full} with an answer, are too few");
}
