//! Where this agent's key comes from: a fleet key file on this host, or a server that takes its token.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use weir_discovery::Servers;
use weir_link::{ClientTls, Granted, SessionRequest};
use weir_wire::{AgentId, FleetKey, Renewal, Session, newest_active_key, parse_fleet_keys};

use super::gateways::{Gateway, Gateways};

/// How to get sessions.
pub(crate) enum Source {
    /// From the fleet keys, which only hosts that run a server have.
    FleetKeys(PathBuf),
    /// From a server, for a token.
    Token { path: PathBuf, servers: Servers, tls: ClientTls },
}

/// What the agent learns of its sessions.
pub(crate) enum News {
    /// A session, and how long it lives if that is not for ever.
    Granted(Session, Option<Duration>),
    Failed(String),
}

/// How long one attempt may take, and the pauses between failed ones.
const ATTEMPT: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often a key file is looked at.
const LOOK: Duration = Duration::from_secs(2);
const MAX_ANSWER_BYTES: u64 = 64 << 10;

/// Starts to get sessions and to renew them; they arrive as news.
pub(crate) fn watch(source: Source, agent: AgentId, seed: u64) -> mpsc::Receiver<News> {
    let (news, receiver) = mpsc::channel(4);
    tokio::spawn(async move {
        match source {
            Source::FleetKeys(path) => watch_file(&path, agent, &news).await,
            Source::Token { path, servers, tls } => renew(&path, servers, &tls, agent, seed, &news).await,
        }
    });
    receiver
}

/// A session from the newest active fleet key, whenever the file has changed.
async fn watch_file(path: &Path, agent: AgentId, news: &mpsc::Sender<News>) {
    let (mut seen, mut current) = (None::<SystemTime>, None::<Session>);
    loop {
        let written = std::fs::metadata(path).and_then(|file| file.modified()).ok();
        if written != seen || current.is_none() {
            seen = written;
            let told = match local_session(path, agent) {
                Ok(session) if current.as_ref() == Some(&session) => None,
                Ok(session) => {
                    current = Some(session.clone());
                    Some(News::Granted(session, None))
                }
                Err(error) => Some(News::Failed(format!("{error:#}"))),
            };
            if let Some(told) = told
                && news.send(told).await.is_err()
            {
                return;
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// A session for as long as the file's key lives.
fn local_session(path: &Path, agent: AgentId) -> Result<Session> {
    Ok(read_fleet_key(path)?.session(0, agent, u32::MAX))
}

/// The key of the file that seals.
pub(crate) fn read_fleet_key(path: &Path) -> Result<FleetKey> {
    let text = weir_files::read_secret(path).context("reading the fleet keys")?;
    let keys = parse_fleet_keys(&text).with_context(|| path.display().to_string())?;
    newest_active_key(keys).with_context(|| format!("{} holds no active key", path.display()))
}

/// Fetches a session, and the next one well before its time is over.
async fn renew(path: &Path, servers: Servers, tls: &ClientTls, agent: AgentId, seed: u64, news: &mpsc::Sender<News>) {
    let (mut gateways, mut renewal) = (Gateways::new(servers, agent), Renewal::new(FIRST_PAUSE, LONGEST_PAUSE, seed));
    loop {
        let attempt = tokio::time::timeout(ATTEMPT, fetch(path, &mut gateways, tls, agent)).await;
        let (told, wait) = match attempt.unwrap_or_else(|_| Err(anyhow!("no answer within {ATTEMPT:?}"))) {
            Ok((session, lives)) => (News::Granted(session, Some(lives)), renewal.granted(lives)),
            Err(error) => {
                gateways.move_on();
                (News::Failed(format!("{error:#}")), renewal.failed())
            }
        };
        if news.send(told).await.is_err() {
            return;
        }
        tokio::time::sleep(wait).await;
    }
}

/// `POST /v1/session`; the second result is how long the session lives from now. The token is read anew, so that one of
/// another subject brings another id.
async fn fetch(path: &Path, gateways: &mut Gateways, tls: &ClientTls, own: AgentId) -> Result<(Session, Duration)> {
    let token = read_token(path)?;
    let Gateway { address, name } =
        gateways.current(std::time::Instant::now(), ATTEMPT).await.context("no gateway's name resolves")?;
    let request = SessionRequest { server: &name, token: &token, own };
    let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
    let mut stream = tls.connect(stream, &name).await.with_context(|| format!("TLS with {name} at {address}"))?;
    stream.write_all(request.text().as_bytes()).await.context("asking for a session")?;
    stream.flush().await.context("asking for a session")?;
    let mut answer = Vec::new();
    match stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer).await {
        // A server may close the connection without TLS' own goodbye.
        Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => Err(error).context("reading the session")?,
        _ => {}
    }
    let Granted { session, lives, .. } = request.read(&answer)?;
    Ok((session, lives))
}

/// Whom batches are of: what the token in this file makes of the agent's own id, if it can be read.
pub(crate) fn agent_of(own: AgentId, token: Option<&Path>) -> AgentId {
    let token = token.and_then(|path| read_token(path).ok());
    token.map_or(own, |token| SessionRequest { server: "", token: &token, own }.agent())
}

/// When the token in this file ends, in Unix seconds; 0 if there is none, or none that can be read.
pub(crate) fn token_end(path: Option<&Path>) -> u64 {
    let token = path.and_then(|path| read_token(path).ok());
    token.and_then(|token| SessionRequest::end_of(&token).ok()).unwrap_or_default()
}

/// The token stands alone in its file.
pub(crate) fn read_token(path: &Path) -> Result<String> {
    let token = weir_files::read_secret(path).context("reading the token")?;
    Ok(SessionRequest::token(&token).with_context(|| path.display().to_string())?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_rotated_fleet_key_is_taken_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fleet.keys");
        let line = |id: u16, created: u64| weir_wire::FleetKeyLine {
            key: weir_wire::FleetKey { id, secret: [id as u8; 32] },
            created,
            state: weir_wire::KeyState::Active,
        };
        let mut news = watch(Source::FleetKeys(path.clone()), AgentId([1; 16]), 0);
        assert!(matches!(news.recv().await, Some(News::Failed(reason)) if reason.contains("fleet.keys")));
        let write =
            |keys: &[_]| weir_files::replace(&path, weir_wire::format_fleet_keys(keys).as_bytes(), 0o600).unwrap();
        write(&[line(1, 10)]);
        assert!(matches!(news.recv().await, Some(News::Granted(session, None)) if session.key_id == 1));
        write(&[line(1, 10), line(2, 20)]);
        let written = SystemTime::now() + Duration::from_secs(5);
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(written).unwrap();
        assert!(matches!(news.recv().await, Some(News::Granted(session, None)) if session.key_id == 2));
    }
}
