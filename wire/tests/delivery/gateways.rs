//! What stands at the other end, without sockets and disks: gateways that append before they ack, and a sink that
//! reads their logs.

use std::collections::{HashMap, HashSet};

use weir_sample::{Timestamp, Value};
use weir_wire::{
    Ack, AgentId, DatagramKind, Epoch, FleetKey, Header, Hints, Refusal, Seen, SeenWindow, SessionKeys, decode, open,
};

use crate::chance::Chance;

/// A batch's name.
pub(crate) type Name = (Epoch, u64);

/// A batch as a gateway holds it.
#[derive(Clone)]
pub(crate) struct Record {
    pub(crate) header: Header,
    pub(crate) payload: Vec<u8>,
    pub(crate) from: u64,
    pub(crate) cause_bytes: usize,
}

/// One gateway: what it has received waits for the disk, what is in the log survives it.
#[derive(Default)]
pub(crate) struct Gateway {
    pub(crate) down: bool,
    pub(crate) draining: bool,
    pub(crate) unsynced: Vec<Record>,
    pub(crate) log: Vec<Record>,
    names: HashSet<Name>,
    /// Sessions derived so far, by what they derive from.
    sessions: HashMap<(u32, AgentId, u32), SessionKeys>,
}

impl Gateway {
    /// Opens a datagram as any gateway does, from its header and the fleet key alone.
    pub(crate) fn receive(&mut self, mut datagram: Vec<u8>, from: u64, fleet: &FleetKey) {
        if let Ok((header, payload)) = self.admit(&mut datagram, fleet) {
            self.unsynced.push(Record { header, payload, from, cause_bytes: datagram.len() });
        }
    }

    fn admit(&mut self, datagram: &mut [u8], fleet: &FleetKey) -> Result<(Header, Vec<u8>), Refusal> {
        let header = Header::decode(datagram)?;
        if header.kind != DatagramKind::Batch {
            return Err(Refusal::Direction);
        }
        if header.key_id != fleet.id {
            return Err(Refusal::UnknownKey);
        }
        let payload = open(datagram, self.keys(&header, fleet))?.to_vec();
        Ok((header, payload))
    }

    fn keys(&mut self, header: &Header, fleet: &FleetKey) -> &SessionKeys {
        let &Header { tenant, agent, expires, .. } = header;
        let derive = || SessionKeys::new(&fleet.session(tenant, agent, expires));
        self.sessions.entry((tenant, agent, expires)).or_insert_with(derive)
    }

    /// The disk has what was received: now, and only now, there are acks. Each says to which source it goes.
    pub(crate) fn commit(&mut self, now: Timestamp, fleet: &FleetKey, chance: &mut Chance) -> Vec<(u64, Vec<u8>)> {
        let synced = std::mem::take(&mut self.unsynced);
        self.append(&synced);
        let with = |a: &Record, b: &Record| (a.from, a.header.epoch) == (b.from, b.header.epoch);
        let mut ack = |records: &[Record]| {
            let header = &records[0].header;
            let seqs = records.iter().map(|record| record.header.seq).collect();
            let hints = Hints { drain: self.draining, slow: chance.happens(0.01) };
            let ack = Ack { epoch: header.epoch, seqs, hints, server_time: now };
            let mut nonce = [0; 12];
            nonce.fill_with(|| chance.below(256) as u8);
            let mut sealed = Vec::new();
            ack.seal(header, nonce, self.keys(header, fleet), &mut sealed);
            assert!(sealed.len() <= records.iter().map(|record| record.cause_bytes).sum(), "an ack amplifies");
            (records[0].from, sealed)
        };
        synced.chunk_by(with).map(&mut ack).collect()
    }

    /// Dies. What had not reached the disk is gone, or had just reached it and was not acked.
    pub(crate) fn crash(&mut self, chance: &mut Chance) {
        let unsynced = std::mem::take(&mut self.unsynced);
        if chance.happens(0.5) {
            self.append(&unsynced);
        }
        self.down = true;
    }

    fn append(&mut self, records: &[Record]) {
        self.names.extend(records.iter().map(|record| (record.header.epoch, record.header.seq)));
        self.log.extend_from_slice(records);
    }

    pub(crate) fn holds(&self, name: Name) -> bool {
        self.names.contains(&name)
    }
}

/// What a checkpoint of the sink keeps, all of one moment.
#[derive(Clone, Default)]
pub(crate) struct Counted {
    /// Records read of each log.
    read: Vec<usize>,
    windows: HashMap<Epoch, SeenWindow>,
    pub(crate) names: HashSet<Name>,
    pub(crate) total: f64,
}

/// Reads logs in any order and counts each batch once.
#[derive(Default)]
pub(crate) struct Sink {
    pub(crate) counted: Counted,
    saved: Counted,
}

impl Sink {
    /// Reads up to `most` further records of one log.
    pub(crate) fn read(&mut self, log: usize, gateway: &Gateway, most: usize) {
        let counted = &mut self.counted;
        counted.read.resize(counted.read.len().max(log + 1), 0);
        let from = counted.read[log];
        let records = &gateway.log[from..gateway.log.len().min(from.saturating_add(most))];
        counted.read[log] += records.len();
        for Record { header, payload, .. } in records {
            let batch = decode(payload).expect("what was sealed as a batch is a batch");
            if counted.windows.entry(header.epoch).or_default().admit(header.seq) == Seen::New {
                let name = (header.epoch, header.seq);
                assert!(counted.names.insert(name), "{name:?} counted twice");
                counted.total += batch.points.iter().map(|(_, value)| number(value)).sum::<f64>();
            }
        }
    }

    pub(crate) fn checkpoint(&mut self) {
        self.saved = self.counted.clone();
        for window in self.saved.windows.values_mut() {
            *window = SeenWindow::decode(&window.encode()).expect("just encoded");
        }
    }

    pub(crate) fn crash(&mut self) {
        self.counted = self.saved.clone();
    }
}

fn number(value: &Value) -> f64 {
    match value {
        Value::Counter(number) | Value::Gauge(number) => *number,
        _ => 0.0,
    }
}
