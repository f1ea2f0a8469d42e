//! The UDP socket: many datagrams per system call.

use std::io::ErrorKind;
use std::os::fd::AsFd;

use anyhow::Result;
use tokio::io::Interest;
use weir_link::{Ring, UdpSocket};

/// A batched socket, and the event loop's handle of the same socket.
pub(super) struct Udp {
    pub(super) socket: UdpSocket,
    readiness: tokio::net::UdpSocket,
    ring: Ring,
}

/// Memory that a flood of full datagrams can make resident is this many times 64 KiB.
const RING_SLOTS: usize = 16;

impl Udp {
    pub(super) fn new(socket: UdpSocket) -> Result<Self> {
        socket.set_nonblocking(true)?;
        let handle = std::net::UdpSocket::from(socket.as_fd().try_clone_to_owned()?);
        Ok(Self { readiness: tokio::net::UdpSocket::from_std(handle)?, socket, ring: Ring::new(RING_SLOTS) })
    }

    pub(super) async fn readable(&self) {
        if self.readiness.readable().await.is_err() {
            // The event loop is gone, and so is whoever waits.
            std::future::pending().await
        }
    }

    /// Hands over what one system call brings; how many datagrams that was.
    pub(super) fn receive(&mut self, mut pass: impl FnMut(Lines<'_>)) -> std::io::Result<usize> {
        let Self { socket, readiness, ring } = self;
        let count = readiness.try_io(Interest::READABLE, || match socket.receive(ring) {
            Ok(0) => Err(ErrorKind::WouldBlock.into()),
            received => received,
        })?;
        pass(Lines { ring, at: 0 });
        Ok(count)
    }
}

/// The datagrams of one system call.
pub(super) struct Lines<'a> {
    ring: &'a Ring,
    at: usize,
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        (self.at < self.ring.len()).then(|| {
            self.at += 1;
            self.ring.view(self.at - 1)
        })
    }
}
