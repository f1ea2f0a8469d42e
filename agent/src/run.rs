//! The agent's one loop: StatsD in, windows out, acks back.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use tokio::net::UdpSocket;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;
use weir_sample::{Timestamp, Window};
use weir_statsd::{Aggregator, AggregatorConfig};

use crate::config::Config;
use crate::host::Host;
use crate::push::{Push, local_session};
use crate::state;

/// How long a stop waits for the last acks.
const LAST_ACKS: Duration = Duration::from_secs(5);

pub(crate) fn main(config: Config) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(config))
}

async fn run(config: Config) -> Result<()> {
    let (agent, epoch) = state::begin(&config.state, wall_clock())?;
    let session = local_session(&config.keys, agent)?;
    let seed = u64::from_be_bytes(state::random()?);
    let mut push = Push::new(session, epoch, config.server, seed).await?;
    let statsd = match config.statsd {
        Some(address) => Some(UdpSocket::bind(address).await.with_context(|| {
            format!("listening for StatsD at {address}: is another agent or server there? --statsd takes another address, or \"off\"")
        })?),
        None => None,
    };
    let mut aggregator =
        Aggregator::new(AggregatorConfig { host: Some(config.host.clone()), ..AggregatorConfig::default() });
    let mut host = Host::new(&config.host);
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tracing::info!(%agent, host = config.host, server = %config.server, "pushing");
    host.collect();

    let mut window = Window::containing(wall_clock(), config.interval);
    let mut datagram = vec![0; 65_536];
    loop {
        let close_at = Instant::now() + window.end().since(wall_clock());
        let wake = push.next_wake().map_or(close_at, |wake| close_at.min(wake.into()));
        tokio::select! {
            received = receive(statsd.as_ref(), &mut datagram) => if let Ok(size) = received {
                aggregator.receive(&datagram[..size], |_| {});
            },
            () = push.receive() => {}
            () = tokio::time::sleep_until(wake) => {}
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
        }
        if wall_clock() >= window.end() {
            let mut points = host.collect();
            points.extend(aggregator.close(window));
            push.close_window(window, points);
            window = Window::containing(wall_clock(), config.interval);
        }
        push.send_due().await?;
    }
    let mut points = host.collect();
    points.extend(aggregator.close(window));
    push.close_window(window, points);
    finish(&mut push).await
}

/// Sends what is left and waits for its acks, for a while.
async fn finish(push: &mut Push) -> Result<()> {
    let deadline = Instant::now() + LAST_ACKS;
    while push.unacked() > 0 && Instant::now() < deadline {
        push.send_due().await?;
        let wake = push.next_wake().map_or(deadline, |wake| deadline.min(wake.into()));
        tokio::select! {
            () = push.receive() => {}
            () = tokio::time::sleep_until(wake) => {}
        }
    }
    if push.unacked() > 0 {
        tracing::warn!(batches = push.unacked(), "stopped before the last batches were acknowledged");
    }
    Ok(())
}

async fn receive(statsd: Option<&UdpSocket>, datagram: &mut [u8]) -> std::io::Result<usize> {
    match statsd {
        Some(socket) => socket.recv(datagram).await,
        None => std::future::pending().await,
    }
}

fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(since.as_millis() as i64)
}
