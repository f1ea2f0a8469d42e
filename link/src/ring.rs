//! Memory for datagrams to be received: allocated once, filled many at a time.

use std::net::SocketAddr;

use crate::addr::RawAddr;

/// The most datagrams (or coalesced runs of them) that one system call brings.
pub(crate) const MAX_SLOTS: usize = 64;
/// The largest UDP payload, and what a run of coalesced datagrams can come to.
pub(crate) const SLOT_BYTES: usize = 65_536;
/// From one slot to the next. A power of two would put the start of every slot into the same few cache lines' sets.
pub(crate) const STRIDE_BYTES: usize = SLOT_BYTES + 10 * 64;
/// Room for the control messages asked for: drop count and segment size, 24 bytes each.
pub(crate) const CONTROL_WORDS: usize = 8;

/// Slots that a receive fills, and the datagrams found in them.
///
/// Every slot has room for the largest datagram; memory that no datagram reached is never touched and so costs nothing.
pub struct Ring {
    pub(crate) bytes: Vec<u8>,
    pub(crate) peers: Vec<RawAddr>,
    pub(crate) control: Vec<[u64; CONTROL_WORDS]>,
    found: Vec<Found>,
}

#[derive(Clone, Copy)]
struct Found {
    peer: SocketAddr,
    start: usize,
    length: usize,
}

impl Ring {
    /// A ring that takes up to `slots` messages per receive, 64 at most.
    pub fn new(slots: usize) -> Self {
        let slots = slots.clamp(1, MAX_SLOTS);
        Self {
            bytes: vec![0; slots * STRIDE_BYTES],
            peers: vec![RawAddr::empty(); slots],
            control: vec![[0; CONTROL_WORDS]; slots],
            found: Vec::with_capacity(4 * slots),
        }
    }

    /// How many datagrams the last receive brought.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether the last receive brought nothing.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Who sent datagram `at`, and its bytes, which may be changed in place.
    ///
    /// # Panics
    /// If `at` is not below [`Ring::len`].
    pub fn datagram(&mut self, at: usize) -> (SocketAddr, &mut [u8]) {
        let Found { peer, start, length } = self.found[at];
        (peer, &mut self.bytes[start..start + length])
    }

    /// The bytes of datagram `at`.
    ///
    /// # Panics
    /// If `at` is not below [`Ring::len`].
    pub fn view(&self, at: usize) -> &[u8] {
        let Found { start, length, .. } = self.found[at];
        &self.bytes[start..start + length]
    }

    /// Who sent datagram `at`.
    ///
    /// # Panics
    /// If `at` is not below [`Ring::len`].
    pub fn peer(&self, at: usize) -> SocketAddr {
        self.found[at].peer
    }

    pub(crate) fn slots(&self) -> usize {
        self.peers.len()
    }

    pub(crate) fn clear(&mut self) {
        self.found.clear();
    }

    /// Records what a slot holds: one datagram, or a run of them that are `segment_bytes` long each but for the last.
    pub(crate) fn record(&mut self, slot: usize, length: usize, segment_bytes: Option<usize>) {
        let Some(peer) = self.peers[slot].address() else { return };
        let piece = segment_bytes.filter(|bytes| *bytes > 0).unwrap_or(length).max(1);
        let pieces = length.div_ceil(piece).max(1);
        let base = slot * STRIDE_BYTES;
        self.found.extend((0..pieces).map(|i| Found {
            peer,
            start: base + i * piece,
            length: piece.min(length - i * piece),
        }));
    }
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring").field("slots", &self.slots()).field("datagrams", &self.len()).finish()
    }
}
