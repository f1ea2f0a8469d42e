//! Disks that fail under a running sink: it waits, opens the store again and reads the queue from there, and every batch
//! that was acknowledged is stored once.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use weir_files::fault::{Disk, Fault};
use weir_queue::{Lane, Log, LogConfig, Record, RecordKind};
use weir_sample::{Timestamp, Value, Window};
use weir_sink::{Beside, Opening, Service, ServiceConfig, SinkConfig};
use weir_store::{Column, Follower, Hint, Late, MatchOp, Matcher, NAME, Selection, Store, StoreConfig};
use weir_wire::{Batch, Encoder, Totals};

use crate::bench::{AGENT, EPOCH, on_host};

const PATIENCE: Duration = Duration::from_secs(30);

struct Site {
    disk: Disk,
    folder: tempfile::TempDir,
    log: Log,
    service: Service,
    /// Batches acknowledged so far.
    acked: u64,
    start: Timestamp,
}

impl Site {
    fn new() -> Self {
        Self::beside(Arc::new(()))
    }

    fn beside(beside: Arc<dyn Beside>) -> Self {
        // Memory where there is some: the disk is a model anyway.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let disk = Disk::under(folder.path());
        let config =
            LogConfig { commit_delay: Duration::ZERO, retry: Duration::from_millis(2), ..LogConfig::default() };
        let log = Log::open(&folder.path().join("queue"), "test", config).unwrap();
        let every = Duration::from_millis(3);
        let service = Service::start(opening(folder.path()), patient(every), beside).unwrap();
        let start = Timestamp::from_secs(now().millis() / 10_000 * 10 - 6_000);
        Self { disk, folder, log, service, acked: 0, start }
    }

    /// Sends the next batch until it is acknowledged, as an agent and a gateway do. `false` if the log refuses it.
    fn send(&mut self) -> bool {
        let end = self.start.plus(Duration::from_secs(10 * (self.acked + 1)));
        let points = vec![(on_host("requests_total"), Value::Counter(1.0)), (on_host("load"), Value::Gauge(1.0))];
        let totals = Totals { sealed_batches: self.acked + 1, ..Totals::default() };
        let batch = Batch { window: Window::ending(end, 10_000), totals, points };
        let (payloads, _) = Encoder::new().encode(&batch, 1_142);
        let record = Record {
            kind: RecordKind::Batch,
            lane: Lane::Normal,
            tenant: 0,
            agent: AGENT,
            epoch: EPOCH,
            seq: self.acked,
            received: end,
            payload: &payloads[0],
        };
        let safe = self.log.append(&[record]).and_then(|position| self.log.wait_durable(position)).is_ok();
        self.acked += u64::from(safe);
        safe
    }

    fn eventually(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let started = Instant::now();
        while !is_so() {
            assert!(started.elapsed() < PATIENCE, "waited for {what}; ready: {:?}", self.service.ready());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// After this all is well and all is stored, and it stays so.
    fn heals(mut self) {
        self.disk.heal();
        self.eventually("the log", || self.log.check().is_ok());
        while self.acked < 40 {
            assert!(self.send());
        }
        let acked = self.acked;
        let stored = || self.service.store().current().map(|store| stored_in(&store));
        self.eventually("all that was acknowledged", || stored() == Some((acked as usize, acked as f64)));
        self.eventually("the sink to be ready", || self.service.ready().is_ok());
        self.service.drain().unwrap();
        drop((self.service, self.log));
        self.disk.crash();
        let opening = opening(self.folder.path());
        let (store, _) = Store::open(&opening.folder, opening.store).unwrap();
        assert_eq!(stored_in(&store), (acked as usize, acked as f64), "after a power cut");
    }
}

fn now() -> Timestamp {
    Timestamp(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64)
}

fn opening(folder: &Path) -> Opening {
    // Sealed after a few rows, so that the store's files are written all the time.
    let store = StoreConfig { chunk_rows: 4, ..StoreConfig::default() };
    Opening { folder: folder.join("store"), store, sink: SinkConfig::new(&folder.join("queue")) }
}

/// Time between checkpoints and tries, and none for what is behind.
const fn patient(every: Duration) -> ServiceConfig {
    ServiceConfig { checkpoint_interval: every, retry: every, max_behind: Duration::ZERO, drain: PATIENCE }
}

/// Windows stored of the gauge, and the counter's last total.
fn stored_in(store: &Store) -> (usize, f64) {
    let values = |name| {
        let matchers = [Matcher::new(NAME, MatchOp::Equal, name).unwrap()];
        let (start, end) = (Timestamp(0), Timestamp(i64::MAX / 2));
        let selection = Selection { matchers: &matchers, start, end, hint: Hint::Raw, any_order: false };
        let mut found = Vec::new();
        let mut each = |data: weir_store::SeriesData| {
            if let Column::Floats(values) = data.values {
                found = values;
            }
            ControlFlow::Continue(())
        };
        store.select(&selection, &mut each).unwrap();
        found
    };
    (values("load").len(), values("requests_total").last().copied().unwrap_or_default())
}

#[test]
fn wherever_the_disk_fails_every_acknowledged_batch_is_stored_once() {
    for fault in [Fault::NoSpace, Fault::Broken] {
        for operations in (0..120).step_by(5) {
            let mut site = Site::new();
            (0..10).for_each(|_| assert!(site.send()));
            site.disk.fail_after(operations, fault);
            // Until the fault has hit both, or the log at least.
            let said = "the sink recovers, and the queue keeps what is not stored: ";
            let fails = |site: &Site| site.service.ready().is_err_and(|reason| reason.starts_with(said));
            let (started, mut failing) = (Instant::now(), false);
            while !failing && started.elapsed() < PATIENCE {
                failing = fails(&site);
                if !failing && !site.send() {
                    std::thread::yield_now();
                }
            }
            assert!(failing, "the sink says that it fails");
            site.heals();
        }
    }
}

#[test]
fn a_failed_store_is_closed_to_questions_and_a_stop_does_not_wait_for_it() {
    let mut site = Site::new();
    assert!(site.send());
    let queue = site.folder.path().join("queue");
    let store_disk = Disk::under(&site.folder.path().join("store"));
    drop(std::mem::replace(&mut site.disk, Disk::under(&queue)));
    store_disk.fail_after(0, Fault::Broken);
    site.eventually("the store to be taken out of use", || site.service.store().current().is_none());
    assert!(site.send(), "the queue takes batches all the while");
    let failures = |site: &Site| {
        let readings = site.service.readings();
        readings.iter().find(|reading| reading.series.name() == "weir_step_failures_total").unwrap().value
    };
    site.eventually("more than one try", || failures(&site) > 2.0);
    let refused = site.service.drain().unwrap_err();
    assert!(matches!(refused, weir_sink::Error::Store(_)), "{refused}");
}

/// Hears of each write, and is slow to begin with it.
#[derive(Default)]
struct Listening(Mutex<Vec<Arc<Follower>>>);

impl Beside for Listening {
    fn opened(&self, store: &Store) {
        // A sink that did not wait would have read the queue by then.
        std::thread::sleep(Duration::from_millis(100));
        // Later than all batches, earlier than what a sink writes of itself.
        self.0.lock().unwrap().push(store.follow(now().minus(Duration::from_secs(5_000)), Late::default()));
    }
}

#[test]
fn who_works_beside_a_sink_hears_of_all_that_the_queue_brings_again() {
    let listening = Arc::new(Listening::default());
    let mut site = Site::beside(listening.clone());
    let span = |opened: usize| listening.0.lock().unwrap().get(opened).and_then(|follower| follower.late().span());
    (0..3).for_each(|_| assert!(site.send()));
    let window = |site: &Site, at: u64| site.start.plus(Duration::from_secs(10 * at));
    let heard = |site: &Site, opened, first, end| {
        let (from, until) = (window(site, first), window(site, end));
        // The sink's own account of the agent comes after that.
        span(opened).is_some_and(|(first, last)| first <= from && last >= until)
    };
    site.eventually("the first store's writes", || heard(&site, 0, 1, 3));
    // What is not in a checkpoint yet is read again into the next store.
    let store_disk = Disk::under(&site.folder.path().join("store"));
    drop(std::mem::replace(&mut site.disk, Disk::under(&site.folder.path().join("queue"))));
    store_disk.fail_after(0, Fault::Broken);
    site.eventually("the store to be taken out of use", || site.service.store().current().is_none());
    (0..2).for_each(|_| assert!(site.send()));
    store_disk.heal();
    site.eventually("the next store's writes", || heard(&site, 1, 4, 5));
    site.service.drain().unwrap();
}

#[test]
fn a_sink_told_to_stop_leaves_the_rest_and_is_not_ready_before_it_is_stored() {
    let mut site = Site::new();
    assert!(site.send());
    site.eventually("the sink to have replayed", || site.service.ready().is_ok());
    site.service.drain().unwrap();
    let Site { folder, log, .. } = &mut site;
    let path = folder.path().to_owned();
    // More than a step takes.
    let filler = vec![0xff; 1 << 20];
    for seq in 0..24 {
        let (kind, lane, received) = (RecordKind::Newer(200), Lane::Normal, Timestamp::from_secs(1_000));
        let record = Record { kind, lane, tenant: 0, agent: AGENT, epoch: EPOCH, seq, received, payload: &filler };
        let position = log.append(&[record]).unwrap();
        log.wait_durable(position).unwrap();
    }
    assert!(site.send());
    let Site { log, service, disk, folder, .. } = site;
    drop((service, log, disk));
    let at_once = ServiceConfig { drain: Duration::ZERO, ..patient(Duration::from_secs(60)) };
    let service = Service::start(opening(&path), at_once, Arc::new(())).unwrap();
    let reason = service.ready().unwrap_err();
    assert!(reason.contains("was in the queue when it started"), "{reason}");
    service.drain().unwrap();
    let stored = |service: &Service| service.store().current().map_or((0, 0.0), |store| stored_in(&store));
    assert_eq!(stored(&service), (1, 1.0), "it stopped before the end of the queue");
    drop(service);
    let service = Service::start(opening(&path), at_once, Arc::new(())).unwrap();
    let started = Instant::now();
    while service.ready().is_err() {
        assert!(started.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(stored(&service), (2, 2.0), "ready is not said before");
    drop(folder);
}
