//! To the server: each request until it is answered, one after the other.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::header::AUTHORIZATION;
use hyper::{Method, Uri};
use weir_wire::{AgentId, DatagramKind, Epoch, Header, SessionKeys, newest_active_key, parse_fleet_keys, seal};

use crate::clock::now;
use crate::outbox::Outbox;
use weir_fetch::{Ask, Client, ClientSettings, Connection, Failure, Room, Tls};

/// How a collector shows who it is.
pub enum Credentials {
    /// A token, read for every request.
    TokenFile(PathBuf),
    /// Fleet keys, and the tenant that is sealed for.
    FleetKeys(PathBuf, u32),
}

/// A server, and what it is shown.
pub struct Uplink {
    client: Client,
    uri: Uri,
    credentials: Credentials,
    connection: Option<Connection>,
    seq: u64,
    epoch: u64,
}

const ATTEMPT: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const TELL_EVERY: Duration = Duration::from_secs(30);
const SEALED_FOR_S: u32 = 600;
const ANSWER_BYTES: usize = 64 << 10;

impl Uplink {
    /// To the server at a URL, whose certificate comes from these authorities, or from those of this host.
    ///
    /// # Errors
    /// The URL is none, or the credentials or authorities cannot be used; in words.
    pub fn new(server: &str, ca: Option<PathBuf>, credentials: Credentials) -> Result<Self, String> {
        let text = if server.contains("://") { server.to_owned() } else { format!("http://{server}") };
        let uri = format!("{}/v1/scrapes", text.trim_end_matches('/'));
        let uri: Uri = uri.parse().map_err(|error| format!("{server:?} is no address of a server: {error}"))?;
        let client = Client::new(&ClientSettings { tls: Tls { ca_file: ca, ..Tls::default() }, ..Default::default() })?;
        let epoch = now().millis() as u64;
        let uplink = Self { client, uri, credentials, connection: None, seq: 0, epoch };
        match &uplink.credentials {
            Credentials::TokenFile(path) => token(path).map(drop)?,
            Credentials::FleetKeys(path, tenant) => sealed(path, *tenant, uplink.epoch, 0, &[]).map(drop)?,
        }
        Ok(uplink)
    }

    /// Sends what waits, for ever.
    pub(crate) async fn send(mut self, outbox: Outbox) {
        loop {
            let (body, looks) = outbox.next().await;
            let is_refused = self.send_one(&body, looks).await;
            outbox.answered(is_refused);
        }
    }

    /// True if the server refused it for good.
    async fn send_one(&mut self, body: &[u8], looks: usize) -> bool {
        let (mut pause, mut told): (_, Option<Instant>) = (FIRST_PAUSE, None);
        loop {
            match self.attempt(body).await {
                Ok(()) => return false,
                Err(Failure::Status(status @ (400 | 404 | 413))) => {
                    tracing::warn!(
                        status,
                        looks,
                        "the server refused looks at targets, or some of them; its log says why"
                    );
                    return true;
                }
                Err(failure) => {
                    if told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
                        told = Some(Instant::now());
                        tracing::warn!(server = %self.uri, %failure, "looks at targets wait for the server");
                    }
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn attempt(&mut self, body: &[u8]) -> Result<(), Failure> {
        let mut headers = Vec::new();
        let body = match &self.credentials {
            Credentials::TokenFile(path) => {
                headers.push((AUTHORIZATION, format!("Bearer {}", token(path).map_err(Failure::Secret)?)));
                Bytes::copy_from_slice(body)
            }
            Credentials::FleetKeys(path, tenant) => {
                self.seq += 1;
                sealed(path, *tenant, self.epoch, self.seq, body).map_err(Failure::Secret)?.into()
            }
        };
        let (uri, room) = (self.uri.clone(), Room::of(0));
        let ask = Ask { method: Method::POST, uri, headers: &headers, body, limit: ANSWER_BYTES, room: &room };
        let asked = tokio::time::timeout(ATTEMPT, self.client.ask(&mut self.connection, ask)).await;
        asked.unwrap_or(Err(Failure::Timeout(ATTEMPT))).map(drop)
    }
}

fn token(path: &Path) -> Result<String, String> {
    weir_files::read_secret(path).map(|text| text.trim().to_owned()).map_err(|error| error.to_string())
}

/// A body as only this fleet's collectors make it. A nonce is never used twice: the id is of this run.
fn sealed(path: &Path, tenant: u32, epoch: u64, seq: u64, plain: &[u8]) -> Result<Vec<u8>, String> {
    let text = weir_files::read_secret(path).map_err(|error| error.to_string())?;
    let keys = parse_fleet_keys(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    let key = newest_active_key(keys).ok_or_else(|| format!("{} holds no active key", path.display()))?;
    let run = format!("{}\0{epoch}\0{:?}", std::process::id(), std::fs::read_to_string("/etc/machine-id").ok());
    let agent = AgentId(xxhash_rust::xxh3::xxh3_128(run.as_bytes()).to_le_bytes());
    let session = key.session(tenant, agent, (now().millis() / 1_000) as u32 + SEALED_FOR_S);
    let header = Header {
        kind: DatagramKind::Scrapes,
        ack_wanted: false,
        dictionary: 0,
        key_id: session.key_id,
        tenant,
        expires: session.expires,
        agent,
        epoch: Epoch(epoch),
        seq,
    };
    let mut body = Vec::new();
    seal(&header, plain, &SessionKeys::new(&session), &mut body);
    Ok(body)
}
