//! Parts of closed windows on their way to their owners.
//!
//! A part leaves only when a checkpoint has it: what a crash undoes was never told, and what was told is never made again
//! from the queue. After a start everything that the checkpoint has is told again, under the same numbers, and the owner
//! counts it once.

use std::collections::{HashMap, HashSet, VecDeque};

use weir_queue::{Lane, Log, Position, Record, RecordKind, Share};
use weir_sample::{Series, Timestamp, Window};
use weir_wire::{AgentId, Epoch};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::form;
use crate::partials::Part;

/// What waits for one partition.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Way {
    /// The number of the next entry.
    pub(crate) next: u64,
    /// Those that the brokers have not taken yet, each with its number.
    pub(crate) entries: VecDeque<(u64, Vec<u8>)>,
    /// Entries below this number are in a checkpoint.
    safe: u64,
    /// The same in one that is being written.
    sealed: u64,
    flight: Option<Flight>,
    /// Until when the owner was last told that all is there.
    marked: Timestamp,
}

/// What was given to the brokers.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Flight {
    position: Position,
    /// Entries below this number are in it.
    below: u64,
}

/// All ways, and who tells.
pub(crate) struct Outbox {
    pub(crate) epoch: Epoch,
    pub(crate) ways: Vec<Way>,
    name: String,
    /// Windows that end by then are closed, and their parts in the ways.
    until: Timestamp,
    /// As the last checkpoint has it, and one that is being written.
    safe: Timestamp,
    sealed: Timestamp,
    /// Batches that the brokers did not take at first.
    pub(crate) retries: u64,
}

/// Records given to the brokers at once.
const TOGETHER: usize = 256;

impl Outbox {
    /// Goes on with what a checkpoint has.
    pub(super) fn resume(
        group: &str,
        share: Share,
        epoch: Epoch,
        mut ways: Vec<Way>,
        partitions: u32,
        until: Timestamp,
    ) -> Self {
        ways.resize_with(partitions as usize, Way::default);
        ways.iter_mut().for_each(|way| (way.safe, way.sealed) = (way.next, way.next));
        let name = name(group, share);
        Self { epoch, ways, name, until, safe: until, sealed: until, retries: 0 }
    }

    /// Takes the parts of a window that is closed.
    pub(super) fn put(&mut self, window: Window, parts: &HashMap<Series, Part>) {
        let mut by_way: Vec<Vec<(&Series, &Part)>> = vec![Vec::new(); self.ways.len()];
        for part in parts {
            by_way[way_of(part.0.name(), self.ways.len())].push(part);
        }
        for (way, parts) in self.ways.iter_mut().zip(by_way) {
            for payload in form::payloads(window, &parts) {
                way.entries.push_back((way.next, payload));
                way.next += 1;
            }
        }
        self.until = self.until.max(window.end());
    }

    /// All windows that end by then are closed, whether they had parts or not. It goes back where a clock was set back.
    pub(super) fn pass(&mut self, until: Timestamp) {
        self.until = until;
    }

    /// A checkpoint is made of what is here now.
    pub(crate) fn seal(&mut self) {
        self.sealed = self.until;
        self.ways.iter_mut().for_each(|way| way.sealed = way.next);
    }

    /// That checkpoint is written.
    pub(crate) fn release(&mut self) {
        self.safe = self.sealed;
        self.ways.iter_mut().for_each(|way| way.safe = way.sealed);
    }

    /// Gives the brokers what may go, and takes leave of what they have. Never waits.
    pub(super) fn publish(&mut self, log: &Log, now: Timestamp) {
        for at in 0..self.ways.len() {
            self.settle(at, log);
            if self.ways[at].flight.is_none() {
                self.send(at, log, now);
            }
        }
    }

    fn settle(&mut self, at: usize, log: &Log) {
        let way = &mut self.ways[at];
        let Some(flight) = way.flight else { return };
        match log.durable(flight.position) {
            None => return,
            Some(Ok(())) => while way.entries.pop_front_if(|(number, _)| *number < flight.below).is_some() {},
            Some(Err(_)) => self.retries += 1,
        }
        way.flight = None;
    }

    fn send(&mut self, at: usize, log: &Log, now: Timestamp) {
        let (agent, epoch) = (sender(&self.name, at), self.epoch);
        let way = &mut self.ways[at];
        let (kind, lane, tenant) = (RecordKind::Parts, Lane::Critical, 0);
        let record = |seq, payload| Record { kind, lane, tenant, agent, epoch, seq, received: now, payload };
        let due = way.entries.iter().take_while(|(number, _)| *number < way.safe).take(TOGETHER);
        let records: Vec<Record<'_>> = due.map(|(number, payload)| record(*number, payload.as_slice())).collect();
        let Some(last) = records.last() else {
            // Nothing is left of what came before it, so the owner need not wait.
            if way.marked != self.safe {
                let marker = form::marker(self.safe);
                if let Ok(position) = log.append_to(at as u32, &[record(way.next, &marker)]) {
                    (way.flight, way.marked) = (Some(Flight { position, below: 0 }), self.safe);
                }
            }
            return;
        };
        let below = last.seq + 1;
        match log.append_to(at as u32, &records) {
            Ok(position) => way.flight = Some(Flight { position, below }),
            Err(_) => self.retries += 1,
        }
    }
}

/// The partition of a metric's name.
fn way_of(name: &str, ways: usize) -> usize {
    (xxh3_64(name.as_bytes()) % ways as u64) as usize
}

fn name(group: &str, share: Share) -> String {
    format!("weir sink {group} {share}")
}

/// Who tells on the ways that a sink owns: all of its group, itself too. Other groups have the same topic.
pub(super) fn senders(group: &str, share: Share, partitions: u32) -> HashSet<AgentId> {
    let owned = (0..partitions).filter(|partition| share.has(*partition));
    let names = (0..share.of).map(|index| name(group, Share { index, ..share }));
    let names: Vec<String> = names.collect();
    owned.flat_map(|way| names.iter().map(move |name| sender(name, way as usize))).collect()
}

/// Who tells, to one partition: numbers are without gaps there.
fn sender(name: &str, way: usize) -> AgentId {
    AgentId(xxh3_128(format!("{name} to {way}").as_bytes()).to_le_bytes())
}
