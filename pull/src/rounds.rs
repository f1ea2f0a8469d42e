//! The loop: who is a target now and who of the collectors asks it, each with a task that asks it on its grid.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::Instant;
use weir_sample::Timestamp;
use weir_wire::AgentId;

use crate::board::{Board, Entry};
use crate::clock::now;
use crate::collector::Collector;
use crate::config::{Config, Job};
use crate::discovery::{Discovery, Found};
use crate::follow::{End, MOST_LATE, Order, Shared, follow};
use crate::members::{Fleet, LEAVE_FOR, Membership, View, channel, watch_members};
use crate::outbox::Outbox;
use crate::sockets::Sockets;
use crate::target::Target;
use crate::uplink::Uplink;
use weir_fetch::{Client, Room};

const TELL_EVERY: Duration = Duration::from_secs(60);
/// What comes at once is decided at once.
const GATHER: Duration = Duration::from_millis(50);
/// What all large answers may take together.
const ROOM_BYTES: usize = 256 << 20;
/// Windows for which a collector goes on with a target that is another's now.
const HANDOVER_WINDOWS: i64 = 2;
/// Time that looks and what waits have when a collector ends.
const DRAIN: Duration = Duration::from_secs(30);
const DRAIN_STEP: Duration = Duration::from_millis(50);

/// A collector that is to run.
pub struct Rounds {
    collector: Collector,
    fleet: Fleet,
    discovery: Discovery,
    clients: HashMap<String, Arc<Client>>,
    configs: mpsc::Receiver<Config>,
    view: (watch::Sender<Option<View>>, watch::Receiver<Option<View>>),
    running: HashMap<AgentId, watch::Sender<Order>>,
    entries: HashMap<AgentId, Arc<Entry>>,
    told: HashSet<String>,
}

impl Rounds {
    /// One that follows a configuration, beside others or alone, with so many descriptors. It asks nothing before it runs.
    ///
    /// # Errors
    /// A job's TLS settings cannot be used, in words.
    pub fn new(config: Config, fleet: Fleet, descriptors: u64) -> Result<(Self, Collector), String> {
        let clients = clients(&config)?;
        let discovery = Discovery::new(config.jobs.into_iter().map(Arc::new).collect());
        let (sender, configs) = mpsc::channel(2);
        let collector = Collector {
            sockets: Sockets::of(descriptors),
            board: Arc::new(Board::default()),
            outbox: Outbox::default(),
            discovery_failures: discovery.failures(),
            configs: sender,
            instance: fleet.instance.clone(),
        };
        let view = channel(&fleet);
        let (running, entries, told) = (HashMap::new(), HashMap::new(), HashSet::new());
        let shown = collector.clone();
        Ok((Self { collector, fleet, discovery, clients, configs, view, running, entries, told }, shown))
    }

    /// Asks all targets that are its own until `leave` is over; then hands them over, and sends what waits.
    pub async fn run(mut self, uplink: Uplink, leave: impl Future<Output = ()>) {
        let outbox = self.collector.outbox.clone();
        let _sending = tokio::spawn(uplink.send(outbox.clone()));
        if self.fleet.membership != Membership::Alone {
            let leaving = self.collector.board.leaving.clone();
            tokio::spawn(watch_members(self.fleet.clone(), leaving, self.view.0.clone()));
        }
        let shared = Shared {
            outbox,
            board: self.collector.board.clone(),
            room: Room::of(ROOM_BYTES),
            sockets: self.collector.sockets.clone(),
            late: Arc::new(Semaphore::new(MOST_LATE)),
        };
        let mut leave = std::pin::pin!(leave);
        let (mut tell, mut view) =
            (tokio::time::interval_at(Instant::now() + TELL_EVERY, TELL_EVERY), self.view.1.clone());
        let mut before = (0, 0);
        loop {
            self.assign(&shared);
            tokio::select! {
                () = self.discovery.changed() => tokio::time::sleep(GATHER).await,
                changed = view.changed() => if changed.is_err() { return },
                Some(config) = self.configs.recv() => self = self.following(config),
                _ = tell.tick() => before = self.tell(before),
                () = &mut leave => return self.leave(&shared).await,
            }
        }
    }

    /// Takes another configuration, if all of it can be used.
    fn following(mut self, config: Config) -> Self {
        match clients(&config) {
            Ok(clients) => {
                self.clients = clients;
                self.discovery = self.discovery.with(config.jobs.into_iter().map(Arc::new).collect());
                tracing::info!("another configuration is followed");
            }
            Err(fault) => {
                tracing::warn!(fault, "the configuration cannot be used; the last good one stays");
                self.collector.refused(fault);
            }
        }
        self
    }

    /// Starts, changes and ends tasks as targets and members are now.
    fn assign(&mut self, shared: &Shared) {
        let view = self.view.1.borrow().clone();
        let Some(view) = view else { return };
        let mut found = self.discovery.targets();
        self.end_gone(&found);
        let (at, replicas, mut ours) = (now(), self.fleet.replicas, 0);
        for (id, target) in &found.targets {
            let is_ours = view.owners(&target.key, replicas).contains(&view.me.as_str());
            let entry = self.entries.entry(*id).or_insert_with(|| Arc::new(Entry::new(target.clone())));
            entry.set(target.clone());
            entry.is_ours.store(is_ours, Relaxed);
            let entry = entry.clone();
            self.order(target, entry, is_ours, at, shared);
            ours += usize::from(is_ours);
        }
        found.faults.extend(self.collector.sockets.fault(ours));
        self.tell_faults(&found, &view);
        let mut shown = shared.board.shown();
        shown.entries = Arc::new(self.entries.clone());
        (shown.dropped, shown.dropped_count) = (Arc::new(found.dropped), found.dropped_count);
        (shown.view, shown.replicas, shown.faults) = (Some(view), replicas, found.faults);
    }

    /// Gives a target's task what it goes by now, and starts it if there is none and should be.
    fn order(&mut self, target: &Arc<Target>, entry: Arc<Entry>, is_ours: bool, at: Timestamp, shared: &Shared) {
        let Some(client) = self.clients.get(&target.job.name).cloned() else { return };
        let order = |end| Order { target: target.clone(), client: client.clone(), end };
        let running = self.running.get(&target.id).filter(|running| !running.is_closed());
        let Some(running) = running else {
            self.running.remove(&target.id);
            if is_ours {
                let (sender, orders) = watch::channel(order(End::Never));
                self.running.insert(target.id, sender);
                tokio::spawn(follow(entry, orders, shared.clone()));
            }
            return;
        };
        running.send_if_modified(|given| {
            let end = match (is_ours, given.end) {
                (true, _) => End::Never,
                (false, End::At(time)) => End::At(time),
                (false, _) => End::At(target.windows_on(at, HANDOVER_WINDOWS)),
            };
            let is_new = given.end != end || !Arc::ptr_eq(&given.target.job, &target.job);
            if is_new {
                *given = order(end);
            }
            is_new
        });
    }

    /// Ends the tasks of targets that are none any more; of a job whose places are yet to be asked all stay.
    fn end_gone(&mut self, found: &Found) {
        let stays =
            |id: &AgentId, entry: &Arc<Entry>| found.targets.contains_key(id) || found.pending.contains(&entry.job());
        let running = &mut self.running;
        self.entries.retain(|id, entry| {
            let stays = stays(id, entry);
            if !stays && let Some(order) = running.remove(id) {
                // A task that is another's already ends without a word: its series are that one's to end.
                order.send_if_modified(|order| {
                    let is_ours = order.end == End::Never;
                    order.end = if is_ours { End::Gone } else { order.end };
                    is_ours
                });
            }
            stays
        });
    }

    /// Tells faults that were not there before.
    fn tell_faults(&mut self, found: &Found, view: &View) {
        let faults: HashSet<String> = found.faults.iter().chain(&view.fault).cloned().collect();
        for fault in faults.difference(&self.told) {
            tracing::warn!(fault, "not all is collected as it should be");
        }
        for fault in self.told.difference(&faults) {
            tracing::info!(fault, "this is over");
        }
        self.told = faults;
    }

    /// What happened since this was last told.
    fn tell(&self, (looks_before, failed_before): (u64, u64)) -> (u64, u64) {
        let (counts, waits) = (&self.collector.board.counts, self.collector.outbox.waits());
        let (looks, failed) = (counts.looks.load(Relaxed), counts.failures().values().sum::<u64>());
        let members = self.view.1.borrow().as_ref().map_or(0, |view| view.live.len());
        let (targets, dropped) = (self.running.len(), waits.dropped);
        let (new, new_failed) = (looks - looks_before, failed - failed_before);
        tracing::info!(
            targets,
            members,
            looks = new,
            failed = new_failed,
            dropped,
            unsent = waits.looks,
            "the last minute"
        );
        (looks, failed)
    }

    /// Hands all targets over, then waits for looks that are under way and for what waits to be sent.
    async fn leave(mut self, shared: &Shared) {
        shared.board.leaving.store(true, Relaxed);
        let others = self.view.1.borrow().as_ref().is_some_and(|view| view.live.len() > 1);
        if others {
            tracing::info!("others take the targets");
            tokio::time::sleep(LEAVE_FOR).await;
        }
        // A task whose orders are over ends after its look.
        self.running.clear();
        let end = Instant::now() + DRAIN;
        while (shared.board.running() > 0 || shared.outbox.waits().looks > 0) && Instant::now() < end {
            tokio::time::sleep(DRAIN_STEP).await;
        }
        let unsent = shared.outbox.waits().looks;
        match unsent {
            0 => tracing::info!("all that was seen is sent"),
            _ => tracing::warn!(unsent, "the server did not take these looks in time; other collectors may have them"),
        }
    }
}

/// A client for each job.
fn clients(config: &Config) -> Result<HashMap<String, Arc<Client>>, String> {
    let client = |job: &Job| {
        let client = Client::new(&job.client).map_err(|fault| format!("job {:?}: {fault}", job.name))?;
        Ok((job.name.clone(), Arc::new(client)))
    };
    config.jobs.iter().map(client).collect()
}
