//! UDP with many datagrams per system call.
#![allow(unsafe_code)]

use std::{
    io,
    net::{SocketAddr, UdpSocket as StdSocket},
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use libc::{c_int, c_void, cmsghdr, iovec, mmsghdr, msghdr};
use socket2::{Domain, Protocol, Socket, Type};

use crate::{
    Error, Outgoing, Ring,
    ring::{CONTROL_WORDS, MAX_SLOTS, SLOT_BYTES, STRIDE_BYTES},
};

/// How a socket is set up.
#[derive(Clone, Debug)]
pub struct UdpConfig {
    /// Receive buffer to ask the kernel for; it grants up to `net.core.rmem_max` unless privileged. Zero keeps the
    /// system's default.
    pub receive_buffer_bytes: usize,
    /// Share the port: the kernel spreads peers over all sockets bound this way.
    pub reuse_port: bool,
    /// Let the kernel hand over runs of datagrams from one peer as one message, where it can.
    pub coalesce: bool,
}

impl Default for UdpConfig {
    fn default() -> Self {
        Self { receive_buffer_bytes: 8 << 20, reuse_port: false, coalesce: true }
    }
}

/// A UDP socket.
#[derive(Debug)]
pub struct UdpSocket {
    socket: StdSocket,
    wanted_buffer_bytes: usize,
    granted_buffer_bytes: usize,
    coalesces: bool,
    kernel_drops: AtomicU64,
    truncated: AtomicU64,
}

impl UdpSocket {
    /// Binds `address`; port 0 takes a free one. The socket blocks until told otherwise.
    ///
    /// # Errors
    /// [`Error::Bind`] with what the system said.
    pub fn bind(address: SocketAddr, config: &UdpConfig) -> Result<Self, Error> {
        Self::open(address, config).map_err(|source| Error::Bind { protocol: "udp", address, source })
    }

    fn open(address: SocketAddr, config: &UdpConfig) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        // Asked for a port to share, the kernel may choose one that a stranger shares.
        let address = if config.reuse_port && address.port() == 0 { free(address)? } else { address };
        socket.set_reuse_port(config.reuse_port)?;
        // Before the first datagram can come.
        set_up(&socket, config)?;
        socket.bind(&address.into())?;
        Self::finish(socket, config)
    }

    /// Takes a socket that is bound already.
    pub(crate) fn adopt(socket: Socket, config: &UdpConfig) -> io::Result<Self> {
        set_up(&socket, config)?;
        Self::finish(socket, config)
    }

    fn finish(socket: Socket, config: &UdpConfig) -> io::Result<Self> {
        // Older kernels lack it; single datagrams then arrive one by one.
        let coalesces = config.coalesce && set_flag(&socket, libc::SOL_UDP, libc::UDP_GRO).is_ok();
        // The kernel reports twice what it grants: its own bookkeeping is paid from the same purse.
        let granted_buffer_bytes = socket.recv_buffer_size()? / 2;
        Ok(Self {
            socket: socket.into(),
            wanted_buffer_bytes: config.receive_buffer_bytes,
            granted_buffer_bytes,
            coalesces,
            kernel_drops: AtomicU64::new(0),
            truncated: AtomicU64::new(0),
        })
    }

    /// The bound address.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// How long a receive waits for the first datagram; `None` for ever.
    ///
    /// # Errors
    /// What the system says; a zero duration is an error.
    pub fn set_receive_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket.set_read_timeout(timeout)
    }

    /// Whether calls return at once instead of waiting.
    ///
    /// # Errors
    /// What the system says.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.socket.set_nonblocking(nonblocking)
    }

    /// The receive buffer asked for.
    pub fn wanted_buffer_bytes(&self) -> usize {
        self.wanted_buffer_bytes
    }

    /// The receive buffer that the kernel granted. If it is less, raise the sysctl `net.core.rmem_max`.
    pub fn granted_buffer_bytes(&self) -> usize {
        self.granted_buffer_bytes
    }

    /// Datagrams that the kernel dropped because this socket's buffer was full, as of the last datagram received.
    pub fn kernel_drops(&self) -> u64 {
        self.kernel_drops.load(Relaxed)
    }

    /// Datagrams discarded because they were longer than a slot.
    pub fn truncated(&self) -> u64 {
        self.truncated.load(Relaxed)
    }

    /// Whether the kernel hands over runs of datagrams as one message.
    pub fn coalesces(&self) -> bool {
        self.coalesces
    }

    /// Waits for at least one datagram, then takes all that are there, as many as the ring holds. Returns how many
    /// datagrams the ring has now; zero after the timeout, or at once if the socket does not block.
    ///
    /// # Errors
    /// What the system says, other than that nothing came.
    pub fn receive(&self, ring: &mut Ring) -> io::Result<usize> {
        ring.clear();
        let mut vectors = [iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; MAX_SLOTS];
        let mut headers = [empty_header(); MAX_SLOTS];
        let slots = ring.slots();
        for slot in 0..slots {
            let bytes = &mut ring.bytes[slot * STRIDE_BYTES..][..SLOT_BYTES];
            vectors[slot] = iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: SLOT_BYTES };
            let header = &mut headers[slot].msg_hdr;
            header.msg_iov = &raw mut vectors[slot];
            header.msg_iovlen = 1;
            header.msg_name = (&raw mut ring.peers[slot].0).cast();
            header.msg_namelen = size_of::<libc::sockaddr_storage>() as u32;
            header.msg_control = ring.control[slot].as_mut_ptr().cast();
            header.msg_controllen = (CONTROL_WORDS * size_of::<u64>()) as _;
        }
        let fd = self.socket.as_raw_fd();
        // SAFETY: the first `slots` headers point into `vectors` and into the ring's slots, all of which outlive the
        // call and are borrowed by nobody else; lengths are those of the memory pointed to.
        let filled = unsafe {
            libc::recvmmsg(fd, headers.as_mut_ptr(), slots as u32, libc::MSG_WAITFORONE, std::ptr::null_mut())
        };
        let Ok(filled) = usize::try_from(filled) else { return nothing_or(io::Error::last_os_error()) };
        for (slot, header) in headers[..filled].iter().enumerate() {
            self.record(ring, slot, header);
        }
        Ok(ring.len())
    }

    fn record(&self, ring: &mut Ring, slot: usize, header: &mmsghdr) {
        let control = Control::read(&header.msg_hdr);
        if let Some(drops) = control.drops {
            self.kernel_drops.store(u64::from(drops), Relaxed);
        }
        if header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
            self.truncated.fetch_add(1, Relaxed);
        } else {
            ring.record(slot, header.msg_len as usize, control.segment_bytes);
        }
    }

    /// Sends and clears what was collected. Returns how many datagrams the system would not take; there is nothing
    /// to be done about those but what is done about lost ones.
    ///
    /// # Errors
    /// Only that the socket does not block and has no room; what was not sent is then kept for another call.
    pub fn send(&self, outgoing: &mut Outgoing) -> io::Result<usize> {
        let (mut at, mut refused) = (0, 0);
        while at < outgoing.len() {
            match self.send_some(outgoing, at) {
                Ok(sent) => at += sent.max(1),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    outgoing.items.drain(..at);
                    return Err(e);
                }
                // The error belongs to the first datagram: an unreachable peer must not hold up the others.
                Err(_) => {
                    at += 1;
                    refused += 1;
                }
            }
        }
        outgoing.clear();
        Ok(refused)
    }

    fn send_some(&self, outgoing: &Outgoing, from: usize) -> io::Result<usize> {
        let mut vectors = [iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; MAX_SLOTS];
        let mut headers = [empty_header(); MAX_SLOTS];
        let items = &outgoing.items[from..];
        let count = items.len().min(MAX_SLOTS);
        for (slot, item) in items[..count].iter().enumerate() {
            let bytes = &outgoing.bytes[item.start..][..item.length];
            vectors[slot] = iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
            let header = &mut headers[slot].msg_hdr;
            header.msg_iov = &raw mut vectors[slot];
            header.msg_iovlen = 1;
            header.msg_name = (&raw const item.peer.0).cast_mut().cast();
            header.msg_namelen = item.peer_bytes;
        }
        // SAFETY: as in `receive`; the kernel only reads through these pointers when sending.
        let sent = unsafe { libc::sendmmsg(self.socket.as_raw_fd(), headers.as_mut_ptr(), count as u32, 0) };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for UdpSocket {
    fn as_raw_fd(&self) -> c_int {
        self.socket.as_raw_fd()
    }
}

/// What the kernel says about a message besides its bytes.
#[derive(Default)]
struct Control {
    drops: Option<u32>,
    segment_bytes: Option<usize>,
}

impl Control {
    fn read(header: &msghdr) -> Self {
        let mut found = Self::default();
        // SAFETY: `header` was filled by recvmmsg and points to a control buffer that is aligned for cmsghdr and lives;
        // CMSG_FIRSTHDR and CMSG_NXTHDR stay inside the length that the kernel wrote.
        let mut message: *const cmsghdr = unsafe { libc::CMSG_FIRSTHDR(header) };
        while !message.is_null() {
            // SAFETY: not null, so inside the control buffer, where both kinds asked for carry four bytes.
            let (level, kind, word) = unsafe {
                let word = libc::CMSG_DATA(message).cast::<u32>().read_unaligned();
                ((*message).cmsg_level, (*message).cmsg_type, word)
            };
            match (level, kind) {
                (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) => found.drops = Some(word),
                (libc::SOL_UDP, libc::UDP_GRO) => found.segment_bytes = Some(word as usize),
                _ => {}
            }
            // SAFETY: as for CMSG_FIRSTHDR.
            message = unsafe { libc::CMSG_NXTHDR(header, message) };
        }
        found
    }
}

/// The address with a port that nobody has just now.
fn free(address: SocketAddr) -> io::Result<SocketAddr> {
    StdSocket::bind(address)?.local_addr()
}

fn empty_header() -> mmsghdr {
    // SAFETY: a C struct of integers and pointers, for which all zeros is a value (no memory named).
    unsafe { std::mem::zeroed() }
}

fn nothing_or(error: io::Error) -> io::Result<usize> {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => Ok(0),
        // An earlier send met a closed port; it says nothing about what is to be received.
        io::ErrorKind::ConnectionRefused => Ok(0),
        _ => Err(error),
    }
}

fn set_up(socket: &Socket, config: &UdpConfig) -> io::Result<()> {
    if config.receive_buffer_bytes > 0 {
        ask_for_buffer(socket, config.receive_buffer_bytes)?;
    }
    set_flag(socket, libc::SOL_SOCKET, libc::SO_RXQ_OVFL)
}

/// Tries past the system's limit first, which works for privileged processes.
fn ask_for_buffer(socket: &Socket, bytes: usize) -> io::Result<()> {
    let bytes = c_int::try_from(bytes).unwrap_or(c_int::MAX / 2);
    set_option(socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, bytes)
        .or_else(|_| set_option(socket, libc::SOL_SOCKET, libc::SO_RCVBUF, bytes))
}

fn set_flag(socket: &Socket, level: c_int, name: c_int) -> io::Result<()> {
    set_option(socket, level, name, 1)
}

fn set_option(socket: &Socket, level: c_int, name: c_int, value: c_int) -> io::Result<()> {
    let (pointer, length) = ((&raw const value).cast::<c_void>(), size_of::<c_int>() as u32);
    // SAFETY: the pointer is to a live integer of the length given, which the kernel copies.
    match unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, pointer, length) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (UdpSocket, UdpSocket) {
        let any = "127.0.0.1:0".parse().unwrap();
        let bind = || UdpSocket::bind(any, &UdpConfig::default()).unwrap();
        (bind(), bind())
    }

    #[test]
    fn many_datagrams_cross_in_few_calls_with_their_peer() {
        let (here, there) = pair();
        let to = there.local_addr().unwrap();
        let mut outgoing = Outgoing::new();
        (0..100u8).for_each(|i| outgoing.push(to, &vec![i; 1 + usize::from(i) * 10]));
        assert_eq!(here.send(&mut outgoing).unwrap(), 0);
        assert!(outgoing.is_empty());
        let mut ring = Ring::new(64);
        let mut got = 0;
        while got < 100 {
            for at in 0..there.receive(&mut ring).unwrap() {
                let (peer, bytes) = ring.datagram(at);
                assert_eq!(peer, here.local_addr().unwrap());
                assert_eq!(bytes, vec![got; 1 + usize::from(got) * 10]);
                got += 1;
            }
        }
    }

    #[test]
    fn a_coalesced_run_is_taken_apart() {
        let (here, there) = pair();
        assert!(there.coalesces());
        set_option(&Socket::from(here.socket.try_clone().unwrap()), libc::SOL_UDP, libc::UDP_SEGMENT, 100).unwrap();
        let run: Vec<u8> = (0..=249u8).collect();
        here.socket.send_to(&run, there.local_addr().unwrap()).unwrap();
        let (mut ring, mut pieces) = (Ring::new(4), Vec::<Vec<u8>>::new());
        while pieces.concat().len() < run.len() {
            for at in 0..there.receive(&mut ring).unwrap() {
                pieces.push(ring.datagram(at).1.to_vec());
            }
        }
        assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), [100, 100, 50]);
        assert_eq!(pieces.concat(), run);
    }

    #[test]
    fn an_empty_datagram_is_a_datagram() {
        let (here, there) = pair();
        here.socket.send_to(&[], there.local_addr().unwrap()).unwrap();
        let mut ring = Ring::new(4);
        assert_eq!(there.receive(&mut ring).unwrap(), 1);
        assert_eq!(ring.datagram(0).1.len(), 0);
    }

    #[test]
    fn nothing_to_receive_is_no_error() {
        let (here, _) = pair();
        here.set_nonblocking(true).unwrap();
        assert_eq!(here.receive(&mut Ring::new(4)).unwrap(), 0);
        here.set_nonblocking(false).unwrap();
        here.set_receive_timeout(Some(Duration::from_millis(1))).unwrap();
        assert_eq!(here.receive(&mut Ring::new(4)).unwrap(), 0);
    }

    #[test]
    fn an_unreachable_peer_does_not_hold_up_the_others() {
        let (here, there) = pair();
        let mut outgoing = Outgoing::new();
        // No route leads from loopback's address to an IPv6 peer, so the system refuses this one.
        outgoing.push("[2001:db8::1]:9".parse().unwrap(), b"lost");
        outgoing.push(there.local_addr().unwrap(), b"kept");
        assert_eq!(here.send(&mut outgoing).unwrap(), 1);
        let mut ring = Ring::new(4);
        assert_eq!(there.receive(&mut ring).unwrap(), 1);
        assert_eq!(ring.datagram(0).1, b"kept");
    }

    #[test]
    fn kernel_drops_are_told() {
        let any = "127.0.0.1:0".parse().unwrap();
        let small = UdpConfig { receive_buffer_bytes: 2048, ..UdpConfig::default() };
        let (there, here) = (UdpSocket::bind(any, &small).unwrap(), pair().0);
        let to = there.local_addr().unwrap();
        let mut outgoing = Outgoing::new();
        (0..200).for_each(|_| outgoing.push(to, &[0; 500]));
        here.send(&mut outgoing).unwrap();
        let mut ring = Ring::new(64);
        let received = there.receive(&mut ring).unwrap();
        // The count travels with a datagram that was queued after the drops.
        here.socket.send_to(b"x", to).unwrap();
        there.receive(&mut ring).unwrap();
        assert_eq!(there.kernel_drops() + received as u64, 200);
        assert!(there.granted_buffer_bytes() < 500 * 200);
    }

    #[test]
    fn a_shared_port_is_bound_twice() {
        let config = UdpConfig { reuse_port: true, ..UdpConfig::default() };
        let first = UdpSocket::bind("127.0.0.1:0".parse().unwrap(), &config).unwrap();
        let address = first.local_addr().unwrap();
        UdpSocket::bind(address, &config).unwrap();
        let error = UdpSocket::bind(address, &UdpConfig::default()).unwrap_err();
        assert!(error.to_string().contains(&address.to_string()));
    }
}
