//! `weir emit`: StatsD lines to the agent or gateway on this host, or sealed to a gateway anywhere.

use std::io::Read;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use weir_client::{Client, ClientConfig, Credentials};

use crate::clock::duration;

/// Bytes per datagram: what crosses any network unfragmented.
const DATAGRAM_BYTES: usize = 1_400;

#[derive(clap::Args)]
pub(crate) struct EmitArgs {
    /// StatsD lines, such as 'jobs.done:1|c' or 'job.duration:320|ms|#queue:mail'; none reads them from standard input
    lines: Vec<String>,
    /// Where StatsD is listened for; such lines are neither sealed nor acknowledged
    #[arg(long, default_value = "127.0.0.1:8125", conflicts_with = "server")]
    to: SocketAddr,
    /// Send every line this many times
    #[arg(long, default_value_t = 1)]
    times: usize,
    /// Seal the lines for this gateway, or several with commas between, and wait until they are acknowledged
    #[arg(long, value_name = "HOST:PORT")]
    server: Option<String>,
    #[command(flatten)]
    sealed: SealedArgs,
}

#[derive(clap::Args)]
struct SealedArgs {
    /// With --server: file with a token of the scope ingest
    #[arg(long, requires = "server", requires = "ca")]
    token_file: Option<PathBuf>,
    /// With --server: certificate of the authority that vouches for the gateways
    #[arg(long, requires = "server")]
    ca: Option<PathBuf>,
    /// With --server, in place of a token: file of the fleet keys, on a host that runs a server
    #[arg(long, requires = "server", conflicts_with = "token_file")]
    keys: Option<PathBuf>,
    /// With --server: how long to wait for the acknowledgement
    #[arg(long, default_value = "30s", value_parser = duration)]
    timeout: Duration,
}

pub(crate) fn main(args: EmitArgs) -> Result<()> {
    let text = text(args.lines)?;
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    ensure!(!lines.is_empty(), "no lines: give some as arguments or on standard input");
    let repeated = std::iter::repeat_n(&lines, args.times).flatten().copied();
    match args.server {
        Some(server) => deliver(server, args.sealed, repeated),
        None => send(args.to, repeated),
    }
}

fn text(arguments: Vec<String>) -> Result<String> {
    if !arguments.is_empty() {
        return Ok(arguments.join("\n"));
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("reading lines from standard input")?;
    Ok(text)
}

/// Seals the lines and waits until a gateway has them on disk. None is sent if one of them is wrong.
fn deliver<'a>(server: String, args: SealedArgs, lines: impl Iterator<Item = &'a str>) -> Result<()> {
    let credentials = match (args.token_file, args.keys) {
        (Some(path), _) => Credentials::TokenFile(path),
        (None, Some(path)) => Credentials::FleetKeys(path),
        (None, None) => bail!("--server needs --token-file and --ca, or --keys on a host that runs a server"),
    };
    let client = Client::connect(ClientConfig { ca: args.ca, ..ClientConfig::new(server, credentials) })?;
    let lines: Vec<&str> = lines.collect();
    client.send_lines(lines.join("\n").as_bytes()).context("nothing was sent")?;
    Ok(client.close(args.timeout)?)
}

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
