//! `weir-agent check --connect`: each step of the way to every server, taken once.
//!
//! What is sent is a batch with one gauge, `weir_agent_check`, of an agent that was made for this: a running agent's numbers
//! are not touched.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use tokio::net::TcpStream;
use weir_discovery::Server;
use weir_files::say;
use weir_link::{Alpn, ClientFiles, ClientTls, Granted, SessionRequest};
use weir_sample::{Series, Timestamp, Value, Window};
use weir_wire::{AgentId, Encoder, Epoch, OutboxConfig, Route, Sender, Session};

use super::session::{read_fleet_key, read_token};
use crate::config::Config;
use crate::lookup::lookup;

const PATIENCE: Duration = Duration::from_secs(5);
/// A datagram may be lost; it is sent again as often.
const TRIES: u32 = 3;
const TRY: Duration = Duration::from_millis(1_500);
/// A window that holds nobody up: servers wait for a sender for two of its windows.
const WINDOW: Duration = Duration::from_secs(1);
/// From here on the agent corrects its windows, and should not have to.
const MOST_SKEW_MS: i64 = 2_000;

/// Takes every step and says how it went; whether all of them went well.
pub(crate) async fn probe(config: &Config) -> Result<bool> {
    let mut probe = Probe { config, own: AgentId(crate::state::random()?), session: None, well: true };
    probe.credentials();
    for server in &config.server.0 {
        let found = tokio::time::timeout(PATIENCE, lookup(&server.host, server.port)).await;
        match found.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into())) {
            Ok(addresses) => {
                let listed: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                probe.tell("name", &server.host, Ok(format!("is {}", listed.join(", "))));
                for address in addresses {
                    probe.visit(server, address).await;
                }
            }
            Err(error) => {
                let mend = "write it as name servers know it (--server), or ask them with getent hosts";
                probe.tell("name", &server.host, Err(format!("{error}: {mend}")));
            }
        }
    }
    Ok(probe.well)
}

struct Probe<'c> {
    config: &'c Config,
    own: AgentId,
    session: Option<Session>,
    well: bool,
}

impl Probe<'_> {
    fn tell(&mut self, step: &str, of: &str, outcome: Result<String, String>) {
        self.well &= outcome.is_ok();
        match outcome {
            Ok(text) => say!("{step:<8}ok      {of}: {text}"),
            Err(text) => say!("{step:<8}failed  {of}: {text}"),
        }
    }

    fn credentials(&mut self) {
        if let Some(path) = self.config.keys.as_deref() {
            let read = read_fleet_key(path);
            let told = read.as_ref().map(|key| format!("key {} seals", key.id)).map_err(|error| format!("{error:#}"));
            self.session = read.ok().map(|key| key.session(0, self.own, u32::MAX));
            self.tell("key", &path.display().to_string(), told);
        } else if let Some(path) = self.config.token.as_deref() {
            let told = token_lives(path).map_err(|error| format!("{error:#}; ask its issuer for a new one"));
            self.tell("token", &path.display().to_string(), told);
        }
    }

    async fn visit(&mut self, server: &Server, address: SocketAddr) {
        let of = address.to_string();
        if let Some(files) = self.config.tls() {
            let outcome = tls(&files, &server.host, address).await;
            let ca = files.authorities.display();
            let told = outcome.map_err(|error| tls_mend(&format!("{error:#}"), &ca.to_string()));
            self.tell("tls", &of, told);
            if self.config.keys.is_none()
                && let Some(path) = self.config.token.as_deref()
            {
                let outcome = session(path, &files, &server.host, address, self.own);
                let told = match &outcome {
                    Ok(granted) => Ok(format!("a session for {} s", granted.lives.as_secs())),
                    Err(error) => {
                        Err(format!("{error:#}: does the token have the scope ingest, and is it this fleet's?"))
                    }
                };
                self.tell("session", &of, told);
                self.session = outcome.ok().map(|granted| granted.session);
            }
        }
        let Some(session) = self.session.clone() else {
            return self.tell("udp", &of, Err("not tried: nothing seals a batch; mend the key or token first".into()));
        };
        match round_trip(session, self.config.host(), address) {
            Ok(Answered { after, server_time, here }) => {
                self.tell("udp", &of, Ok(format!("acknowledged a batch after {} ms", after.as_millis())));
                if let Some(server_time) = server_time {
                    self.tell("clock", &of, skew(here.millis() - server_time.millis()));
                }
            }
            Err(error) => {
                let port = address.port();
                let mend = format!(
                    "is UDP to port {port} open, and is the {} one of this fleet?",
                    if self.config.keys.is_some() { "key" } else { "token" }
                );
                self.tell("udp", &of, Err(format!("{error:#}: {mend}")));
            }
        }
    }
}

fn token_lives(path: &Path) -> Result<String> {
    let end = SessionRequest::end_of(&read_token(path)?)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    match end.checked_sub(now) {
        Some(left) => Ok(format!("ends in {left} s")),
        None => bail!("it expired {} s ago", now - end),
    }
}

async fn tls(files: &ClientFiles, name: &str, address: SocketAddr) -> Result<String> {
    let tls = ClientTls::load(files, Alpn::Batches)?;
    let begun = Instant::now();
    let shaken = async {
        let stream = TcpStream::connect(address).await.context("connecting")?;
        anyhow::Ok(tls.connect(stream, name).await?)
    };
    tokio::time::timeout(PATIENCE, shaken).await.context("no answer")??;
    Ok(format!("shook hands as {name} after {} ms", begun.elapsed().as_millis()))
}

fn tls_mend(told: &str, ca: &str) -> String {
    match () {
        // The second: an authority of the same name, with another key.
        () if told.contains("UnknownIssuer") || told.contains("BadSignature") => {
            format!("{told}: no authority of {ca} vouches for it; see --ca")
        }
        () if told.contains("NotValidForName") => format!("{told}: its certificate is for another name; see --server"),
        () if told.contains("certificate") => format!("{told}: look at the server's certificate, and at {ca}"),
        () => format!("{told}: is TCP to this port open, and does the server have TLS?"),
    }
}

fn session(token: &Path, files: &ClientFiles, name: &str, address: SocketAddr, own: AgentId) -> Result<Granted> {
    let (token, tls) = (read_token(token)?, ClientTls::load(files, Alpn::Http)?);
    Ok(SessionRequest { server: name, token: &token, own }.ask(address, &tls, PATIENCE)?)
}

/// What an acknowledgement told.
struct Answered {
    after: Duration,
    server_time: Option<Timestamp>,
    /// This host's time when it came.
    here: Timestamp,
}

fn round_trip(session: Session, host: &str, address: SocketAddr) -> Result<Answered> {
    let now = now();
    let (agent, epoch) = (session.agent, Epoch::next(None, now, u16::from_be_bytes(crate::state::random()?)));
    let seed = u64::from_be_bytes(crate::state::random()?);
    let mut sender = Sender::new(agent, epoch, OutboxConfig::default(), seed);
    sender.grant(session, None);
    let points = vec![(Series::new("weir_agent_check", [("host", host)]), Value::Gauge(1.0))];
    let window = Window::containing(now.minus(WINDOW), WINDOW);
    let (entries, _) = sender.close_window(&mut Encoder::new(), window, points, 0);
    entries.into_iter().for_each(|entry| _ = sender.push(entry));
    let mut datagram = Vec::new();
    sender.seal_next(Instant::now(), &mut datagram).context("there was nothing to send")?;
    let any: SocketAddr = if address.is_ipv4() { ([0; 4], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).context("opening a UDP socket")?;
    socket.connect(address).context("connecting")?;
    socket.set_read_timeout(Some(TRY))?;
    let mut failed = None;
    for _ in 0..TRIES {
        let begun = Instant::now();
        socket.send(&datagram).context("sending")?;
        let mut bytes = [0; 65_536];
        match socket.recv(&mut bytes) {
            Ok(size) => {
                sender
                    .on_datagram(Instant::now(), &mut bytes[..size], Route::Udp)
                    .context("what came back is no ack")?;
                return Ok(Answered {
                    after: begun.elapsed(),
                    server_time: sender.take_server_time(),
                    here: self::now(),
                });
            }
            Err(error) => failed = Some(error),
        }
    }
    match failed {
        Some(error) if error.kind() != std::io::ErrorKind::WouldBlock => Err(error).context("receiving"),
        _ => bail!("no acknowledgement of {TRIES} sends"),
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn skew(ahead_ms: i64) -> Result<String, String> {
    let way = if ahead_ms < 0 { "behind" } else { "ahead" };
    let told = format!("this host's clock is {} ms {way}", ahead_ms.abs());
    if ahead_ms.abs() <= MOST_SKEW_MS {
        Ok(told)
    } else {
        Err(format!("{told}: the agent corrects its windows for it, but set it (chrony, systemd-timesyncd)"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_right_within_two_seconds() {
        assert_eq!(skew(-40).unwrap(), "this host's clock is 40 ms behind");
        assert!(skew(61_000).unwrap_err().starts_with("this host's clock is 61000 ms ahead: "));
    }

    #[test]
    fn what_went_wrong_with_tls_names_what_to_look_at() {
        assert!(tls_mend("invalid peer certificate: UnknownIssuer", "/ca.pem").contains("/ca.pem vouches"));
        assert!(tls_mend("invalid peer certificate: NotValidForName", "/ca.pem").contains("--server"));
        assert!(tls_mend("connecting: refused", "/ca.pem").contains("TCP"));
    }
}
