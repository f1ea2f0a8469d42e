//! Graphite's plaintext by TCP. A line has no answer, so what a connection has read is durable before more of it is read: while the
//! sink is behind or the queue takes nothing, senders meet a connection that does not drain, and nothing is lost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use weir_formats::graphite;
use weir_gateway::Network;
use weir_queue::Log;

use super::counters::AllCounters;
use super::door::{self, Door};
use super::reason::Reason;
use super::refused::Refused;
use crate::clock::now;

/// Connections at once; further ones are closed at once and counted.
const MOST_CONNECTIONS: usize = 256;

/// Length of a line; a longer one is passed over and counted.
const MOST_LINE_BYTES: usize = 8 << 10;

/// What is read of a connection until it is made durable.
const CHUNK_BYTES: usize = 64 << 10;

/// Time for which a connection may bring nothing.
const IDLE: Duration = Duration::from_secs(10 * 60);

/// Pause before what could not be made durable is tried again, and before connections are accepted again where none could be.
const PAUSE: Duration = Duration::from_millis(500);

/// Takes lines at an address in the background, from these networks. Must be called inside a tokio runtime.
pub(crate) fn listen(
    address: SocketAddr,
    queue: Arc<Log>,
    kept: Duration,
    counters: &AllCounters,
    networks: &[Network],
) -> std::io::Result<()> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let door = Door::new(queue, kept, counters.others.graphite.clone());
    tokio::spawn(serve(TcpListener::from_std(listener)?, door, networks.into()));
    Ok(())
}

async fn serve(listener: TcpListener, door: Door, networks: Arc<[Network]>) {
    let slots = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection for Graphite, trying again");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        if !is_within(&networks, peer) {
            door.counters.refuse(Reason::Network, 1);
            continue;
        }
        let Ok(slot) = slots.clone().try_acquire_owned() else {
            door.counters.refuse(Reason::Busy, 1);
            continue;
        };
        let door = door.clone();
        tokio::spawn(async move {
            let _slot = slot;
            connection(stream, door).await;
        });
    }
}

fn is_within(networks: &[Network], peer: SocketAddr) -> bool {
    networks.iter().any(|network| network.contains(peer.ip()))
}

/// Reads a connection until it ends or is idle for too long.
async fn connection(mut stream: TcpStream, door: Door) {
    let (mut read, mut lines) = (vec![0; CHUNK_BYTES], Lines::default());
    loop {
        let length = match tokio::time::timeout(IDLE, stream.read(&mut read)).await {
            Ok(Ok(0)) => {
                // What the end leaves is a line too: some senders do not end their last. Of one that was cut off the time is cut too, and
                // so is past.
                let rest = lines.take(b"\n");
                return store(&door, rest).await;
            }
            Ok(Ok(length)) => length,
            Ok(Err(_)) | Err(_) => return door.counters.refuse(Reason::Line, u64::from(lines.is_within())),
        };
        let whole = lines.take(&read[..length]);
        store(&door, whole).await;
    }
}

/// Lines of a connection whose ends have not come yet.
#[derive(Default)]
struct Lines {
    rest: Vec<u8>,
    /// Whether what comes until the next end belongs to a line that is too long.
    is_too_long: bool,
}

/// Lines that are whole, and how many were passed over.
struct Whole {
    text: Vec<u8>,
    too_long: u64,
}

impl Lines {
    /// Whether a line has begun whose end has not come.
    fn is_within(&self) -> bool {
        self.is_too_long || !self.rest.is_empty()
    }

    /// The lines that end in some bytes.
    fn take(&mut self, mut bytes: &[u8]) -> Whole {
        let mut whole = Whole { text: Vec::new(), too_long: 0 };
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end + 1);
            bytes = rest;
            if self.is_too_long || self.rest.len() + line.len() > MOST_LINE_BYTES {
                whole.too_long += 1;
            } else {
                whole.text.append(&mut self.rest);
                whole.text.extend_from_slice(line);
            }
            self.rest.clear();
            self.is_too_long = false;
        }
        if self.is_too_long || self.rest.len() + bytes.len() > MOST_LINE_BYTES {
            self.is_too_long = true;
            self.rest.clear();
        } else {
            self.rest.extend_from_slice(bytes);
        }
        whole
    }
}

/// Makes lines durable, however long that takes.
async fn store(door: &Door, lines: Whole) {
    if lines.text.is_empty() && lines.too_long == 0 {
        return;
    }
    while let Err(behind) = door.check_behind() {
        let _ = behind.counted(&door.counters);
        tokio::time::sleep(PAUSE).await;
    }
    let read = door.clone();
    let Ok((payloads, samples)) = door::work((), move || Ok(gather(&read, &lines))).await else { return };
    loop {
        let (way, records) = (door.clone(), payloads.clone());
        match door::work((), move || way.append(&records, None, now())).await {
            Ok(()) => return door.counters.take(samples),
            Err(refused) => drop(refused.counted(&door.counters)),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn gather(door: &Door, lines: &Whole) -> (Vec<Vec<u8>>, u64) {
    let (mut gathered, mut bad, now) = (door.gathered(&None).mending(), lines.too_long, now().millis());
    for line in lines.text.split(|byte| *byte == b'\n') {
        match graphite::read(line, now) {
            Ok(None) => {}
            Ok(Some(point)) => {
                // A chunk has fewer lines than a request may have series.
                if let Err(Refused::TooLarge(..)) = gathered.take(&[point]) {
                    door.counters.refuse(Reason::TooLarge, 1);
                }
            }
            Err(_) => bad += 1,
        }
    }
    door.counters.refuse(Reason::Line, bad);
    let left_out = std::mem::take(&mut gathered.left_out);
    // A line has no answer.
    let _ = left_out.told(&door.counters);
    gathered.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_whatever_the_chunks() {
        let long = "x".repeat(MOST_LINE_BYTES);
        let text = format!("a 1 2\n{long} 1 2\nb 1 2\n\n{long}{long}{long}\nc");
        for size in [1, 7, 100, MOST_LINE_BYTES, text.len()] {
            let (mut lines, mut seen, mut too_long) = (Lines::default(), Vec::new(), 0);
            for chunk in text.as_bytes().chunks(size).chain([&b"\n"[..]]) {
                let whole = lines.take(chunk);
                seen.extend(whole.text);
                too_long += whole.too_long;
            }
            assert_eq!((String::from_utf8(seen).unwrap().as_str(), too_long), ("a 1 2\nb 1 2\n\nc\n", 2), "{size}");
        }
    }
}
