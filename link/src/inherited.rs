//! Sockets that the service manager opened for this process, by systemd's protocol (man 3 sd_listen_fds).
#![allow(unsafe_code)]

use std::io;
use std::net::TcpListener;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use libc::c_int;
use socket2::{Domain, Socket, Type};

use crate::{UdpConfig, UdpSocket};

/// One of them.
#[derive(Debug)]
pub enum Inherited {
    /// Bound to a UDP port.
    Udp(UdpSocket),
    /// Listening on a TCP port.
    Tcp(TcpListener),
    /// Bound to a path.
    UnixDatagram(UnixDatagram),
    /// Listening at a path.
    UnixStream(UnixListener),
    /// Something else, closed again.
    Other,
}

static TAKEN: AtomicBool = AtomicBool::new(false);
const FIRST: c_int = 3;

/// Takes them over; there are none for a process that was started otherwise, and none on a second call.
///
/// # Errors
/// What the system says of a socket that it should know.
pub fn inherited(config: &UdpConfig) -> io::Result<Vec<Inherited>> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    if number("LISTEN_PID") != Some(std::process::id()) || TAKEN.swap(true, Relaxed) {
        return Ok(Vec::new());
    }
    let count = number("LISTEN_FDS").unwrap_or(0).min(MAX_INHERITED) as c_int;
    (FIRST..FIRST + count).map(|fd| adopt(fd, config)).collect()
}

fn adopt(fd: c_int, config: &UdpConfig) -> io::Result<Inherited> {
    // SAFETY: fcntl reads and writes a descriptor's flags and no memory; a number that is not open is an error.
    if unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: open, as fcntl has just shown, and by the protocol nobody's but ours; `TAKEN` makes this the only taking.
    let socket = Socket::from(unsafe { OwnedFd::from_raw_fd(fd) });
    let (kind, domain) = (socket.r#type()?, socket.domain()?);
    Ok(match (kind, domain) {
        (Type::DGRAM, Domain::UNIX) => Inherited::UnixDatagram(OwnedFd::from(socket).into()),
        (Type::STREAM, Domain::UNIX) => Inherited::UnixStream(OwnedFd::from(socket).into()),
        (Type::DGRAM, Domain::IPV4 | Domain::IPV6) => Inherited::Udp(UdpSocket::adopt(socket, config)?),
        (Type::STREAM, Domain::IPV4 | Domain::IPV6) => Inherited::Tcp(OwnedFd::from(socket).into()),
        _ => Inherited::Other,
    })
}

const MAX_INHERITED: u32 = 16;
