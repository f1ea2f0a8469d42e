//! The service manager: told when the agent is ready, that it lives, and what it does (man 3 sd_notify).

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// systemd's socket, if it started this process and wants to know.
pub(crate) struct Manager {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// How often to say that the agent lives.
    pub(crate) watchdog: Option<Duration>,
}

impl Manager {
    pub(crate) fn new() -> Self {
        let socket = std::env::var("NOTIFY_SOCKET").ok().and_then(|path| connect(&path).ok());
        Self { socket, watchdog: watchdog() }
    }

    /// Says a state, such as `READY=1`. Nobody listening is no error.
    pub(crate) fn say(&self, state: &str) {
        if let Some((socket, address)) = &self.socket {
            let _ = socket.send_to_addr(state.as_bytes(), address);
        }
    }
}

fn connect(path: &str) -> std::io::Result<(UnixDatagram, SocketAddr)> {
    let address = match path.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(path)?,
    };
    Ok((UnixDatagram::unbound()?, address))
}

/// Half of what systemd waits, as its manual advises.
fn watchdog() -> Option<Duration> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if number("WATCHDOG_PID").is_some_and(|pid| pid != u64::from(std::process::id())) {
        return None;
    }
    number("WATCHDOG_USEC").filter(|micros| *micros > 0).map(|micros| Duration::from_micros(micros / 2))
}
