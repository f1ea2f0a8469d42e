//! Datagrams to be sent: collected without allocating, handed to the kernel together.

use std::net::SocketAddr;

use crate::{addr::RawAddr, ring::MAX_SLOTS};

/// A bounded collection of datagrams for one [`send`](crate::UdpSocket::send).
pub struct Outgoing {
    pub(crate) bytes: Vec<u8>,
    pub(crate) items: Vec<Item>,
}

#[derive(Clone, Copy)]
pub(crate) struct Item {
    pub(crate) peer: RawAddr,
    pub(crate) peer_bytes: u32,
    pub(crate) start: usize,
    pub(crate) length: usize,
}

impl Default for Outgoing {
    fn default() -> Self {
        Self::new()
    }
}

impl Outgoing {
    /// An empty collection with room for 64 datagrams.
    pub fn new() -> Self {
        Self { bytes: Vec::with_capacity(MAX_SLOTS * 1_500), items: Vec::with_capacity(MAX_SLOTS) }
    }

    /// Adds a datagram. The caller sends when [`Outgoing::is_full`]; a datagram pushed past that goes out by a second
    /// system call.
    pub fn push(&mut self, peer: SocketAddr, datagram: &[u8]) {
        let (raw, peer_bytes) = RawAddr::new(peer);
        self.items.push(Item { peer: raw, peer_bytes, start: self.bytes.len(), length: datagram.len() });
        self.bytes.extend_from_slice(datagram);
    }

    /// Datagrams waiting to be sent.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Bytes waiting to be sent.
    pub fn bytes(&self) -> usize {
        self.items.iter().map(|item| item.length).sum()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether one system call cannot take more.
    pub fn is_full(&self) -> bool {
        self.items.len() >= MAX_SLOTS
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.items.clear();
    }
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing").field("datagrams", &self.len()).finish()
    }
}
