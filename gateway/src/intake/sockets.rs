//! The sockets of a gateway: those that the service manager holds for its ports, or its own.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use weir_link::{Inherited, UdpConfig, UdpSocket};

use crate::{Error, GatewayConfig, StatsdConfig};

/// Bound, and not yet read from.
#[derive(Debug)]
pub(crate) struct Sockets {
    pub(crate) batches: Vec<Arc<UdpSocket>>,
    /// On the same port, where streams are configured.
    pub(crate) streams: Option<TcpListener>,
    /// One per StatsD thread.
    pub(crate) statsd: Vec<Arc<UdpSocket>>,
    /// Where batches arrive.
    pub(crate) batch: SocketAddr,
}

/// How soon a receiver without traffic sees that it is to stop.
const WAKE: Duration = Duration::from_millis(100);

impl Sockets {
    /// Claims of `inherited` what is for the configured ports, and binds what is not among it.
    pub(crate) fn bind(config: &GatewayConfig, inherited: Vec<Inherited>) -> Result<Self, Error> {
        let mut inherited = ByPort::sort(inherited)?;
        let mut sockets = match inherited.claim_udp(config.batch.port()) {
            udp if udp.is_empty() => Self::bind_batches(config)?,
            udp => {
                let batch = udp[0].local_addr().map_err(Error::Socket)?;
                let batches = udp.into_iter().map(Arc::new).collect();
                Self { batches, streams: inherited.claim_tcp(batch.port()), statsd: Vec::new(), batch }
            }
        };
        if config.streams.is_some() && sockets.streams.is_none() {
            sockets.streams = Some(listen(sockets.batch)?);
        }
        if let Some(statsd) = &config.statsd {
            sockets.add_statsd(statsd, &mut inherited)?;
        }
        inherited.refuse_the_rest();
        for socket in sockets.batches.iter().chain(&sockets.statsd) {
            socket.set_receive_timeout(Some(WAKE)).map_err(Error::Socket)?;
        }
        if let Some(listener) = &sockets.streams {
            listener.set_nonblocking(true).map_err(Error::Socket)?;
        }
        Ok(sockets)
    }

    /// One port number for datagrams and streams. Where the system chooses it, it may be taken for TCP: then try another.
    fn bind_batches(config: &GatewayConfig) -> Result<Self, Error> {
        let udp = udp_config(config.receive_buffer_bytes);
        let mut tries = if config.batch.port() == 0 { 20 } else { 1 };
        let (first, streams, batch) = loop {
            let socket = UdpSocket::bind(config.batch, &udp)?;
            let address = socket.local_addr().map_err(Error::Socket)?;
            if config.streams.is_none() {
                break (socket, None, address);
            }
            tries -= 1;
            match listen(address) {
                Ok(listener) => break (socket, Some(listener), address),
                Err(error) if tries == 0 => return Err(error),
                Err(_) => {}
            }
        };
        let mut batches = vec![Arc::new(first)];
        for _ in 1..config.receivers {
            batches.push(Arc::new(UdpSocket::bind(batch, &udp)?));
        }
        Ok(Self { batches, streams, statsd: Vec::new(), batch })
    }

    /// Threads of one address share its port.
    fn add_statsd(&mut self, config: &StatsdConfig, inherited: &mut ByPort) -> Result<(), Error> {
        let udp = udp_config(config.receive_buffer_bytes);
        for address in &config.addresses {
            let adopted = inherited.claim_udp(address.port());
            if !adopted.is_empty() {
                self.statsd.extend(adopted.into_iter().map(Arc::new));
                continue;
            }
            let first = UdpSocket::bind(*address, &udp)?;
            let address = first.local_addr().map_err(Error::Socket)?;
            self.statsd.push(Arc::new(first));
            for _ in 1..config.threads {
                self.statsd.push(Arc::new(UdpSocket::bind(address, &udp)?));
            }
        }
        Ok(())
    }
}

fn udp_config(receive_buffer_bytes: usize) -> UdpConfig {
    UdpConfig { receive_buffer_bytes, reuse_port: true, coalesce: true }
}

fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address)
        .map_err(|source| weir_link::Error::Bind { protocol: "tcp", address, source })
        .map_err(Error::from)
}

/// Inherited sockets by what they are bound to.
#[derive(Default)]
struct ByPort {
    udp: Vec<(u16, UdpSocket)>,
    tcp: Vec<(u16, TcpListener)>,
}

impl ByPort {
    fn sort(inherited: Vec<Inherited>) -> Result<Self, Error> {
        let mut sorted = Self::default();
        for socket in inherited {
            match socket {
                Inherited::Udp(socket) => {
                    let port = socket.local_addr().map_err(Error::Socket)?.port();
                    sorted.udp.push((port, socket));
                }
                Inherited::Tcp(listener) => {
                    let port = listener.local_addr().map_err(Error::Socket)?.port();
                    sorted.tcp.push((port, listener));
                }
                Inherited::UnixDatagram(_) | Inherited::UnixStream(_) | Inherited::Other => {
                    tracing::warn!("the service manager gave a socket that a gateway has no use for");
                }
            }
        }
        Ok(sorted)
    }

    fn claim_udp(&mut self, port: u16) -> Vec<UdpSocket> {
        self.udp.extract_if(.., |(of, _)| *of == port).map(|(_, socket)| socket).collect()
    }

    fn claim_tcp(&mut self, port: u16) -> Option<TcpListener> {
        let at = self.tcp.iter().position(|(of, _)| *of == port)?;
        Some(self.tcp.swap_remove(at).1)
    }

    /// They are closed, so that nobody waits at a port that is not read.
    fn refuse_the_rest(self) {
        for port in self.udp.iter().map(|(port, _)| port).chain(self.tcp.iter().map(|(port, _)| port)) {
            tracing::warn!(port, "the service manager gave a socket for a port that is not configured; it is closed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(batch: SocketAddr, statsd: SocketAddr) -> GatewayConfig {
        GatewayConfig { batch, statsd: Some(StatsdConfig::at(statsd)), receivers: 3, ..GatewayConfig::default() }
    }

    fn bound() -> (Inherited, SocketAddr) {
        let socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap(), &udp_config(0)).unwrap();
        let address = socket.local_addr().unwrap();
        (Inherited::Udp(socket), address)
    }

    #[test]
    fn inherited_sockets_are_used_for_their_ports_and_others_are_bound() {
        let ((batch, batch_at), (statsd, statsd_at), (stray, stray_at)) = (bound(), bound(), bound());
        let sockets = Sockets::bind(&config(batch_at, statsd_at), vec![stray, statsd, batch]).unwrap();
        assert_eq!((sockets.batch, sockets.batches.len(), sockets.statsd.len()), (batch_at, 1, 1));
        assert_eq!(sockets.statsd[0].local_addr().unwrap(), statsd_at);
        std::net::UdpSocket::bind(stray_at).unwrap();

        let any = "127.0.0.1:0".parse().unwrap();
        let (statsd, statsd_at) = bound();
        let sockets = Sockets::bind(&config(any, statsd_at), vec![statsd]).unwrap();
        assert_eq!((sockets.batches.len(), sockets.statsd.len()), (3, 1));
    }

    #[test]
    fn datagrams_that_came_before_the_start_are_kept() {
        let (statsd, statsd_at) = bound();
        std::net::UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"early:1|c", statsd_at).unwrap();
        let sockets = Sockets::bind(&config("127.0.0.1:0".parse().unwrap(), statsd_at), vec![statsd]).unwrap();
        let mut ring = weir_link::Ring::new(4);
        assert_eq!(sockets.statsd[0].receive(&mut ring).unwrap(), 1);
        assert_eq!(ring.view(0), b"early:1|c");
    }
}
