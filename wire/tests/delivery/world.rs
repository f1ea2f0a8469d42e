//! The sender, the link and the other end, driven through virtual time one event after the other.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    time::{Duration, Instant},
};

use weir_sample::{Series, Timestamp, Value, Window};
use weir_wire::{AgentId, Batch, Encoder, Entry, Epoch, FleetKey, Outbox, OutboxConfig, Route, Sender, Totals, WINDOW};

use crate::{
    chance::Chance,
    gateways::{Gateway, Name, Sink},
};

/// What the link does to a datagram, each way, as shares from 0 to 1.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) drop: f64,
    pub(crate) duplicate: f64,
    pub(crate) corrupt: f64,
    /// Longest delay; unequal delays reorder.
    pub(crate) delay: Duration,
}

/// What happens next.
enum Event {
    Push(Epoch, u64),
    ToGateway { gateway: usize, from: u64, bytes: Vec<u8> },
    ToAgent { source: u64, route: Route, bytes: Vec<u8> },
    Commit(usize),
    Crash(usize),
    Rise(usize),
    Read,
    SinkCrash,
}

/// Source numbers from here on are TLS connections.
const TLS: u64 = 1 << 32;
const COMMIT: Duration = Duration::from_millis(5);
const GATEWAYS: usize = 3;
pub(crate) const EPOCH: Epoch = Epoch(0x6000_0000_0000);

pub(crate) struct World {
    start: Instant,
    pub(crate) now: Duration,
    chance: Chance,
    pub(crate) faults: Faults,
    /// Sources and gateways whose datagrams vanish, both ways.
    pub(crate) dead: fn(source: u64, gateway: usize, now: Duration) -> bool,
    /// A batch that no gateway takes.
    pub(crate) poison: Option<u64>,
    events: BinaryHeap<Reverse<(Duration, u64)>>,
    pending: HashMap<u64, Event>,
    order: u64,
    fleet: FleetKey,
    encoder: Encoder,
    sender: Sender,
    pub(crate) config: OutboxConfig,
    source: u64,
    pushes_left: u64,
    pub(crate) gateways: Vec<Gateway>,
    pub(crate) sink: Sink,
    /// Every batch that was pushed and not handed back, with its payload and what it counts.
    pub(crate) pushed: HashMap<Name, (Vec<u8>, f64)>,
    pub(crate) handed_back: Vec<Name>,
    pub(crate) sends: u64,
}

impl World {
    pub(crate) fn new(seed: u64, faults: Faults, config: OutboxConfig) -> Self {
        let fleet = FleetKey { id: 4, secret: [3; 32] };
        let agent = AgentId([5; 16]);
        let mut sender = Sender::new(agent, EPOCH, config, seed);
        sender.grant(fleet.session(1, agent, u32::MAX), None);
        Self {
            start: Instant::now(),
            now: Duration::ZERO,
            chance: Chance::new(seed),
            faults,
            dead: |_, _, _| false,
            poison: None,
            events: BinaryHeap::new(),
            pending: HashMap::new(),
            order: 0,
            fleet,
            encoder: Encoder::new(),
            sender,
            config,
            source: 0,
            pushes_left: 0,
            gateways: (0..GATEWAYS).map(|_| Gateway::default()).collect(),
            sink: Sink::default(),
            pushed: HashMap::new(),
            handed_back: Vec::new(),
            sends: 0,
        }
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        self.sender.outbox()
    }

    /// Batches of one epoch, pushed one after the other with up to `pause` between them.
    pub(crate) fn push_all(&mut self, epoch: Epoch, seqs: std::ops::Range<u64>, pause: Duration) {
        self.pushes_left += seqs.end - seqs.start;
        let mut at = self.now;
        for seq in seqs {
            self.after(at.saturating_sub(self.now), Event::Push(epoch, seq));
            at += self.chance.up_to(pause);
        }
    }

    /// Gateways and the sink crash `times` each, at random before `until`, and come back.
    pub(crate) fn crash_all(&mut self, times: u64, until: Duration) {
        for _ in 0..times {
            for gateway in 0..GATEWAYS {
                let at = self.chance.up_to(until);
                self.after(at, Event::Crash(gateway));
                let down = self.chance.up_to(Duration::from_secs(10));
                self.after(at + down, Event::Rise(gateway));
            }
            let at = self.chance.up_to(until);
            self.after(at, Event::SinkCrash);
        }
    }

    /// Runs until nothing waits at the sender; fails when that takes longer than `limit`.
    pub(crate) fn run(&mut self, limit: Duration) {
        self.after(Duration::ZERO, Event::Read);
        while !(self.outbox().is_empty() && self.pushes_left == 0) {
            assert!(self.now < limit, "{} batches were not delivered in {limit:?}", self.outbox().len());
            self.step();
        }
        for (at, gateway) in self.gateways.iter().enumerate() {
            self.sink.read(at, gateway, usize::MAX);
        }
    }

    /// Runs for a while, whatever waits.
    pub(crate) fn run_for(&mut self, time: Duration) {
        let until = self.now + time;
        self.after(time, Event::Read);
        while self.now < until {
            self.step();
        }
    }

    fn step(&mut self) {
        let wake = self.sender.next_wake(self.start + self.now).map(|wake| wake.duration_since(self.start));
        let next = self.events.peek().map(|Reverse((due, _))| *due);
        match (wake, next) {
            (Some(wake), next) if next.is_none_or(|due| wake < due) => self.now = self.now.max(wake),
            (_, Some(_)) => {
                let Some(Reverse((due, id))) = self.events.pop() else { return };
                self.now = self.now.max(due);
                let event = self.pending.remove(&id).expect("an event for every due time");
                self.happen(event);
            }
            (_, None) => panic!("nothing will ever happen again"),
        }
        self.send_due();
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Push(epoch, seq) => self.push(epoch, seq),
            Event::ToGateway { gateway, .. } if self.gateways[gateway].down => {}
            Event::ToGateway { gateway, from, bytes } => {
                if self.gateways[gateway].unsynced.is_empty() {
                    self.after(COMMIT, Event::Commit(gateway));
                }
                self.gateways[gateway].receive(bytes, from, &self.fleet);
            }
            Event::Commit(gateway) => self.commit(gateway),
            Event::ToAgent { source, route, mut bytes } => {
                let listens = source == self.source || route == Route::Tls;
                if listens {
                    self.hear(&mut bytes, route);
                }
            }
            Event::Crash(gateway) => self.gateways[gateway].crash(&mut self.chance),
            Event::Rise(gateway) => self.gateways[gateway].down = false,
            Event::Read => self.read(),
            Event::SinkCrash => self.sink.crash(),
        }
    }

    fn push(&mut self, epoch: Epoch, seq: u64) {
        self.pushes_left -= 1;
        let number = self.chance.below(1_000) as f64;
        let points = vec![
            (
                Series::new("requests_total", [("host", "a"), ("route", "/a/long/route/to/some/handler")]),
                Value::Counter(number),
            ),
            (Series::new("errors_total", [("host", "a")]), Value::Counter(1.0)),
        ];
        let batch = Batch {
            window: Window::ending(Timestamp::from_secs(1_800_000_000), 10_000),
            totals: Totals::default(),
            points,
        };
        let payload = self.encoder.encode(&batch, 1_100).0.remove(0);
        self.pushed.insert((epoch, seq), (payload.clone(), number + 1.0));
        for entry in self.sender.push(Entry { epoch, seq, payload, samples: 2 }) {
            let name = (entry.epoch, entry.seq);
            self.pushed.remove(&name);
            self.handed_back.push(name);
        }
        assert!(self.outbox().bytes() <= self.config.max_bytes, "{} bytes wait", self.outbox().bytes());
    }

    fn send_due(&mut self) {
        let before = self.sends;
        loop {
            if self.sender.leaves_source() {
                self.source += 1;
            }
            let mut bytes = Vec::new();
            let Some(sealed) = self.sender.seal_next(self.start + self.now, &mut bytes) else { break };
            self.sends += 1;
            match sealed.route {
                _ if self.poison == Some(sealed.seq) => {}
                Route::Udp => self.transmit(self.source, bytes),
                Route::Tls => {
                    let gateway = self.chance.below(GATEWAYS as u64) as usize;
                    let delay = self.chance.up_to(Duration::from_millis(50));
                    self.after(delay, Event::ToGateway { gateway, from: TLS, bytes });
                }
            }
        }
        if self.sends > before {
            self.check_flight();
        }
    }

    /// A load balancer sends each source to one gateway.
    fn transmit(&mut self, source: u64, bytes: Vec<u8>) {
        let gateway = (source % GATEWAYS as u64) as usize;
        for (delay, bytes) in self.suffer(source, gateway, bytes) {
            self.after(delay, Event::ToGateway { gateway, from: source, bytes });
        }
    }

    fn commit(&mut self, gateway: usize) {
        let time = Timestamp(1_800_000_000_000).plus(self.now);
        for (source, bytes) in self.gateways[gateway].commit(time, &self.fleet, &mut self.chance) {
            if source == TLS {
                let delay = self.chance.up_to(Duration::from_millis(50));
                self.after(delay, Event::ToAgent { source, route: Route::Tls, bytes });
                continue;
            }
            for (delay, bytes) in self.suffer(source, gateway, bytes) {
                self.after(delay, Event::ToAgent { source, route: Route::Udp, bytes });
            }
        }
    }

    /// What comes out at the other end of the link, and when.
    fn suffer(&mut self, source: u64, gateway: usize, bytes: Vec<u8>) -> Vec<(Duration, Vec<u8>)> {
        let Faults { drop, duplicate, corrupt, delay } = self.faults;
        if (self.dead)(source, gateway, self.now) {
            return Vec::new();
        }
        let mut out = Vec::new();
        for _ in 0..if self.chance.happens(duplicate) { 2 } else { 1 } {
            if self.chance.happens(drop) {
                continue;
            }
            let mut bytes = bytes.clone();
            if self.chance.happens(corrupt) {
                let at = self.chance.below(bytes.len() as u64) as usize;
                bytes[at] ^= 1 << self.chance.below(8);
            }
            out.push((self.chance.up_to(delay), bytes));
        }
        out
    }

    /// Nothing is acked that was not appended.
    fn hear(&mut self, bytes: &mut [u8], route: Route) {
        for entry in self.sender.on_datagram(self.start + self.now, bytes, route).unwrap_or_default() {
            let name = (entry.epoch, entry.seq);
            assert!(self.gateways.iter().any(|gateway| gateway.holds(name)), "{name:?} was acked and is in no log");
        }
    }

    /// The bounds that the other end relies on.
    fn check_flight(&self) {
        let mut span = HashMap::<Epoch, (u64, u64)>::new();
        let flying: Vec<&Entry> = self.outbox().in_flight().collect();
        assert!(flying.len() <= self.config.max_in_flight, "{} in flight", flying.len());
        for entry in self.outbox().waiting() {
            let (low, _) = span.entry(entry.epoch).or_insert((entry.seq, entry.seq));
            *low = entry.seq.min(*low);
        }
        for entry in flying {
            assert!(entry.seq - span[&entry.epoch].0 < WINDOW, "{} is too far ahead", entry.seq);
        }
    }

    /// The sink reads some of one log, however far it is behind with the others.
    fn read(&mut self) {
        let log = self.chance.below(GATEWAYS as u64) as usize;
        let most = self.chance.below(200) as usize;
        self.sink.read(log, &self.gateways[log], most);
        if self.chance.happens(0.1) {
            self.sink.checkpoint();
        }
        let pause = self.chance.up_to(Duration::from_millis(400));
        self.after(pause, Event::Read);
    }

    fn after(&mut self, delay: Duration, event: Event) {
        self.order += 1;
        self.events.push(Reverse((self.now + delay, self.order)));
        self.pending.insert(self.order, event);
    }
}
