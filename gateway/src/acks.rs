//! The acknowledging thread behind each receiver: waits until a group of batches is durable, then tells their agents.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};

use ring::rand::{SecureRandom, SystemRandom};
use weir_link::{Outgoing, UdpSocket};
use weir_meters::clock;
use weir_queue::Position;
use weir_sample::Timestamp;
use weir_wire::{Ack, Header, Hints, MAX_DATAGRAM_BYTES, SessionKeys};

use crate::{
    counters::{Add, Counters},
    open::SessionId,
    shared::Shared,
};

/// Batches that one append took.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) position: Position,
    pub(crate) received: Instant,
    pub(crate) batches: Vec<Waiting>,
    /// The stream they came by; `None` for datagrams.
    pub(crate) reply: Option<flume::Sender<Vec<u8>>>,
}

/// A batch that waits for its ack.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) peer: SocketAddr,
    pub(crate) keys: Arc<SessionKeys>,
    pub(crate) header: Header,
    /// Size of the datagram it came in: what its ack may cost at most.
    pub(crate) cause_bytes: usize,
}

impl Waiting {
    /// Whether one ack may answer both: it is sealed with one session's keys and lists numbers of one epoch.
    fn is_with(&self, other: &Self) -> bool {
        let (mine, theirs) = (&self.header, &other.header);
        SessionId::from(mine) == SessionId::from(theirs) && mine.epoch == theirs.epoch && self.peer == other.peer
    }
}

/// Sends the acks of one receiver through its socket, or those of all streams through their connections.
pub(crate) struct Acker {
    shared: Arc<Shared>,
    socket: Option<Arc<UdpSocket>>,
    groups: flume::Receiver<Group>,
    /// Emptied vectors go back to the receiver.
    spare: flume::Sender<Vec<Waiting>>,
    outgoing: Outgoing,
    /// Batches answered by what is in `outgoing`.
    answering: u64,
    writer: AckWriter,
}

impl Acker {
    pub(crate) fn new(
        shared: Arc<Shared>,
        socket: Option<Arc<UdpSocket>>,
        groups: flume::Receiver<Group>,
        spare: flume::Sender<Vec<Waiting>>,
    ) -> Self {
        Self { shared, socket, groups, spare, outgoing: Outgoing::new(), answering: 0, writer: AckWriter::default() }
    }

    /// Answers groups until the receiver is gone and all it left is answered.
    pub(crate) fn run(mut self) {
        while let Ok(mut group) = self.groups.recv() {
            let durable = self.shared.log.wait_durable(group.position);
            self.shared.report_queue(&durable);
            match durable {
                Ok(()) => self.acknowledge(&group),
                Err(_) => self.shared.counters.unacked.log_failed.add(group.batches.len()),
            }
            // More groups waiting are likely durable by the same commit: their acks share a system call with these.
            if self.groups.is_empty() {
                self.send();
            }
            group.batches.clear();
            // If the receiver has enough spare vectors, this one is freed.
            let _ = self.spare.try_send(group.batches);
        }
    }

    fn acknowledge(&mut self, group: &Group) {
        let (hints, time) = (self.shared.hints(self.shared.pressure()), clock::now());
        for batches in answered_together(&group.batches) {
            let seqs = batches.iter().map(|batch| batch.header.seq);
            let sealed = self.writer.write(&batches[0].header, seqs, hints, time, &batches[0].keys);
            let cause_bytes: usize = batches.iter().map(|batch| batch.cause_bytes).sum();
            if sealed.len() > cause_bytes {
                self.shared.counters.unacked.larger_than_cause.add(batches.len());
                continue;
            }
            match &group.reply {
                Some(reply) => answer_stream(&self.shared.counters, reply, sealed, batches.len()),
                None => {
                    self.outgoing.push(batches[0].peer, sealed);
                    self.answering += batches.len() as u64;
                }
            }
            if self.outgoing.is_full() {
                self.send();
            }
        }
        let now = Instant::now();
        self.shared.counters.ack_times.record(now - group.received, group.batches.len(), now);
    }

    fn send(&mut self) {
        let Some(socket) = self.socket.as_ref().filter(|_| !self.outgoing.is_empty()) else { return };
        let counters = &self.shared.counters;
        counters.acks.add(self.outgoing.len());
        counters.ack_bytes.add(self.outgoing.bytes());
        counters.acked_batches.fetch_add(std::mem::take(&mut self.answering), Relaxed);
        // A blocking socket takes all; what the system refuses is lost like any datagram, and sent again as one.
        let refused = socket.send(&mut self.outgoing).unwrap_or_default();
        counters.unacked.not_sent.add(refused);
    }
}

fn answer_stream(counters: &Counters, reply: &flume::Sender<Vec<u8>>, sealed: &[u8], batches: usize) {
    if reply.try_send(sealed.to_vec()).is_err() {
        return counters.unacked.not_sent.add(batches);
    }
    counters.acks.add(1);
    counters.ack_bytes.add(sealed.len());
    counters.acked_batches.add(batches);
}

/// Batches one ack may list.
const MAX_SEQS: usize = 128;
const _: () = assert!(Ack::max_bytes(MAX_SEQS) <= MAX_DATAGRAM_BYTES, "an ack fits any datagram");

/// The batches of a group by the ack that answers them.
fn answered_together(batches: &[Waiting]) -> impl Iterator<Item = &[Waiting]> {
    batches.chunk_by(Waiting::is_with).flat_map(|run| run.chunks(MAX_SEQS))
}

/// Seals acks into memory that it keeps.
#[derive(Debug, Default)]
pub(crate) struct AckWriter {
    seqs: Vec<u64>,
    sealed: Vec<u8>,
    nonces: Nonces,
}

impl AckWriter {
    /// The sealed ack of batches that came with `answered`'s session and epoch.
    pub(crate) fn write(
        &mut self,
        answered: &Header,
        seqs: impl Iterator<Item = u64>,
        hints: Hints,
        server_time: Timestamp,
        keys: &SessionKeys,
    ) -> &[u8] {
        let mut listed = std::mem::take(&mut self.seqs);
        listed.clear();
        listed.extend(seqs);
        let ack = Ack { epoch: answered.epoch, seqs: listed, hints, server_time };
        ack.seal(answered, self.nonces.draw(), keys, &mut self.sealed);
        self.seqs = ack.seqs;
        &self.sealed
    }
}

/// Random nonces, fetched from the system many at a time.
#[derive(Debug)]
struct Nonces {
    pool: [u8; 12 * 128],
    at: usize,
}

impl Default for Nonces {
    fn default() -> Self {
        Self { pool: [0; _], at: 12 * 128 }
    }
}

impl Nonces {
    fn draw(&mut self) -> [u8; 12] {
        if self.at == self.pool.len() {
            SystemRandom::new().fill(&mut self.pool).expect("the system gives random bytes once it is up");
            self.at = 0;
        }
        let mut nonce = [0; 12];
        nonce.copy_from_slice(&self.pool[self.at..][..12]);
        self.at += 12;
        nonce
    }
}

#[cfg(test)]
mod tests {
    use weir_wire::{AgentId, DatagramKind, Epoch, FleetKey};

    use super::*;

    /// A batch of this session, agent and tenant, of this epoch, from this port.
    fn waiting((expires, agent, tenant, epoch, port): (u32, u8, u32, u64, u16)) -> Waiting {
        let (agent, epoch) = (AgentId([agent; 16]), Epoch(epoch));
        let (kind, ack_wanted, dictionary, key_id, seq) = (DatagramKind::Batch, true, 0, 1, 0);
        let header = Header { kind, ack_wanted, dictionary, key_id, tenant, expires, agent, epoch, seq };
        let session = FleetKey { id: key_id, secret: [0; 32] }.session(tenant, agent, expires);
        let peer = SocketAddr::from(([127, 0, 0, 1], port));
        Waiting { peer, keys: Arc::new(SessionKeys::new(&session)), header, cause_bytes: 100 }
    }

    #[test]
    fn an_ack_answers_one_epoch_of_one_session_at_one_address() {
        let check = |batches: &[(u32, u8, u32, u64, u16)], expected: &[usize]| {
            let batches: Vec<Waiting> = batches.iter().copied().map(waiting).collect();
            let sizes: Vec<usize> = answered_together(&batches).map(<[Waiting]>::len).collect();
            assert_eq!(sizes, expected);
        };
        let usual = (9, 1, 1, 1, 1);
        check(&[], &[]);
        check(&[usual; 3], &[3]);
        check(&[usual; 300], &[128, 128, 44]);
        check(&[usual, (9, 2, 1, 1, 1), usual], &[1, 1, 1]);
        for other in [(8, 1, 1, 1, 1), (9, 1, 2, 1, 1), (9, 1, 1, 2, 1), (9, 1, 1, 1, 2)] {
            check(&[usual, other], &[1, 1]);
        }
    }
}
