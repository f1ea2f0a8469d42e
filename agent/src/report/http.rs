//! The agent's own small HTTP server: a question in, a page out. It reads a request line and nothing else, so that it
//! costs a few kilobytes.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, oneshot};

/// What is asked of the agent's loop; dropped unanswered if the agent stops.
pub(crate) struct Ask {
    pub page: Page,
    pub reply: oneshot::Sender<String>,
}

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// Own telemetry in the Prometheus text format.
    Metrics,
    /// The same and more for a person.
    Status,
    /// That for a program.
    StatusJson,
    /// The latest StatsD events and service checks, as JSON.
    Events,
}

/// Questions that wait while the loop is busy; a client beyond them waits in the kernel.
const MAX_ASKS: usize = 8;
const MAX_REQUEST_BYTES: usize = 4_096;
const PATIENCE: Duration = Duration::from_secs(5);

/// Starts answering at `address` and at a socket for this host's own users; the questions come out of what is returned.
pub(crate) async fn serve(address: Option<SocketAddr>, socket: Option<&Path>) -> Result<mpsc::Receiver<Ask>> {
    let (asks, questions) = mpsc::channel(MAX_ASKS);
    if let Some(path) = socket {
        answer_at(path, asks.clone());
    }
    let Some(address) = address else {
        // The sender must live, or the loop would find the channel closed again and again.
        tokio::spawn(async move { asks.closed().await });
        return Ok(questions);
    };
    let listener = TcpListener::bind(address).await.map_err(|error| {
        let holder = weir_link::holder("tcp", address, &error);
        anyhow::anyhow!("listening for HTTP at {address}{holder}: {error} (--telemetry names another address)")
    })?;
    tracing::info!(address = %listener.local_addr()?, "serving /metrics");
    tokio::spawn(accept(listener, asks));
    Ok(questions)
}

/// Without the socket the agent does all its work, so that a path too long for one is only told.
fn answer_at(path: &Path, asks: mpsc::Sender<Ask>) {
    // What a killed agent left there. That none runs is sure: the folder is locked.
    let _ = std::fs::remove_file(path);
    let listener = match UnixListener::bind(path) {
        Ok(listener) => listener,
        Err(error) => return tracing::warn!(path = %path.display(), %error, "no socket for weir-agent status"),
    };
    tokio::spawn(async move {
        while !asks.is_closed() {
            match listener.accept().await {
                Ok((mut stream, _)) => _ = tokio::time::timeout(PATIENCE, answer(&mut stream, &asks)).await,
                Err(_) => tokio::time::sleep(PATIENCE / 10).await,
            }
        }
    });
}

/// One connection at a time: a scraper and an operator, not a crowd.
async fn accept(listener: TcpListener, asks: mpsc::Sender<Ask>) {
    while !asks.is_closed() {
        match listener.accept().await {
            Ok((mut stream, _)) => _ = tokio::time::timeout(PATIENCE, answer(&mut stream, &asks)).await,
            // Out of descriptors, most likely: others will close theirs.
            Err(_) => tokio::time::sleep(PATIENCE / 10).await,
        }
    }
}

async fn answer(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), asks: &mpsc::Sender<Ask>) -> std::io::Result<()> {
    let head = read_head(stream).await?;
    let response = match route(&head) {
        Ok(page) => {
            let (reply, body) = oneshot::channel();
            let sent = asks.send(Ask { page, reply }).await;
            match (sent, body.await) {
                (Ok(()), Ok(body)) => response("200 OK", content_type(page), &body),
                _ => response("503 Service Unavailable", TEXT, "the agent is stopping\n"),
            }
        }
        Err((status, why)) => response(status, TEXT, why),
    };
    stream.write_all(response.as_bytes()).await?;
    stream.shutdown().await
}

/// The bytes up to the empty line that ends a request's head.
async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(512);
    while head.len() < MAX_REQUEST_BYTES && !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    Ok(head)
}

fn route(head: &[u8]) -> Result<Page, (&'static str, &'static str)> {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if method != b"GET" {
        return Err(("405 Method Not Allowed", "only GET\n"));
    }
    match target.split(|byte| *byte == b'?').next().unwrap_or_default() {
        b"/metrics" => Ok(Page::Metrics),
        b"/status" => Ok(Page::Status),
        b"/status.json" => Ok(Page::StatusJson),
        b"/events" => Ok(Page::Events),
        _ => Err(("404 Not Found", "there are /metrics, /status, /status.json and /events\n")),
    }
}

fn content_type(page: Page) -> &'static str {
    match page {
        Page::Metrics => "text/plain; version=0.0.4; charset=utf-8",
        Page::Status => TEXT,
        Page::Events | Page::StatusJson => "application/json",
    }
}

fn response(status: &str, content_type: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

const TEXT: &str = "text/plain; charset=utf-8";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_find_their_page_or_a_reason() {
        let check = |head: &str, expected: Result<Page, &str>| {
            assert_eq!(route(head.as_bytes()).map_err(|(status, _)| &status[..3]), expected, "{head:?}");
        };
        check("GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n", Ok(Page::Metrics));
        check("GET /metrics?x=1 HTTP/1.0\r\n\r\n", Ok(Page::Metrics));
        check("GET /status.json HTTP/1.1\r\n\r\n", Ok(Page::StatusJson));
        check("GET / HTTP/1.1\r\n\r\n", Err("404"));
        check("POST /metrics HTTP/1.1\r\n\r\n", Err("405"));
        check("\u{1}\u{2}", Err("405"));
        check("", Err("405"));
    }
}
