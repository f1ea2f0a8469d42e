//! Lines to whoever listens for StatsD, in datagrams without a seal or an answer.

use std::net::{SocketAddr, UdpSocket};

use anyhow::{Context, Result, ensure};

/// Bytes per datagram: what crosses any network unfragmented.
const DATAGRAM_BYTES: usize = 1_400;

/// Packs the lines into datagrams and sends them.
pub(crate) fn send<'a>(to: SocketAddr, lines: impl Iterator<Item = &'a str>) -> Result<()> {
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).context("opening a UDP socket")?;
    socket.connect(to).with_context(|| format!("connecting to {to}"))?;
    let flush = |datagram: &mut String| -> Result<()> {
        socket.send(datagram.as_bytes()).with_context(|| format!("sending to {to}: is an agent listening there?"))?;
        datagram.clear();
        Ok(())
    };
    let mut datagram = String::with_capacity(DATAGRAM_BYTES);
    for line in lines {
        ensure!(line.len() <= DATAGRAM_BYTES, "a line of {} bytes does not fit one datagram", line.len());
        if !datagram.is_empty() && datagram.len() + 1 + line.len() > DATAGRAM_BYTES {
            flush(&mut datagram)?;
        }
        if !datagram.is_empty() {
            datagram.push('\n');
        }
        datagram.push_str(line);
    }
    if datagram.is_empty() { Ok(()) } else { flush(&mut datagram) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_arrives_in_datagrams_that_fit() {
        let listener = UdpSocket::bind("127.0.0.1:0").unwrap();
        let line = "jobs.done:1|c";
        send(listener.local_addr().unwrap(), std::iter::repeat_n(line, 250)).unwrap();
        let (mut lines, mut buffer) = (0, [0; 2_000]);
        while lines < 250 {
            let size = listener.recv(&mut buffer).unwrap();
            assert!(size <= DATAGRAM_BYTES);
            lines += std::str::from_utf8(&buffer[..size]).unwrap().lines().filter(|l| *l == line).count();
        }
        assert_eq!(lines, 250);
    }

    #[test]
    fn a_line_too_long_is_an_error() {
        let long = "x".repeat(DATAGRAM_BYTES + 1);
        assert!(send("127.0.0.1:9".parse().unwrap(), [long.as_str()].into_iter()).is_err());
    }
}
