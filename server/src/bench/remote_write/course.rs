//! Sending the load: connections that write round after round, and do as they are told when the server turns them away.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use super::load::Load;
pub(in crate::bench) use super::load::Shape;
use crate::clock::now;
use crate::cmd::ask;

/// Rounds of samples, and how they are sent.
pub(in crate::bench) struct Course<'a> {
    pub server: &'a str,
    pub shape: Shape,
    pub series: usize,
    pub connections: usize,
    /// Time of the first round.
    pub first_ms: i64,
    /// Time between two rounds.
    pub step: Duration,
    /// Rounds a second; 0 is as fast as the server takes them.
    pub rounds: f64,
}

/// What became of the requests.
#[derive(Default)]
pub(in crate::bench) struct Tally {
    pub requests: AtomicU64,
    pub acked: AtomicU64,
    pub turned_away: AtomicU64,
    pub waited_ms: AtomicU64,
}

impl Course<'_> {
    /// Sends from one thread per connection, each with hosts of its own, as long as `goes_on` says so of a round's time.
    pub(in crate::bench) fn run(&self, tally: &Tally, goes_on: impl Fn(i64) -> bool + Sync) -> Result<()> {
        let hosts = self.series.div_ceil(self.shape.per_host);
        let goes_on = &goes_on;
        thread::scope(|scope| {
            let connection = |number: usize| {
                let of = |at: usize| at * self.shape.per_host..((at + 1) * self.shape.per_host).min(self.series);
                let own = (number..hosts).step_by(self.connections).flat_map(of);
                let mut load = Load::new(&self.shape, own);
                scope.spawn(move || self.connect(&mut load, tally, goes_on))
            };
            let all: Vec<_> = (0..self.connections).map(connection).collect();
            let ended =
                |thread: thread::ScopedJoinHandle<'_, Result<()>>| thread.join().map_err(|_| anyhow!("panicked"))?;
            all.into_iter().try_for_each(ended)
        })
    }

    fn connect(&self, load: &mut Load, tally: &Tally, goes_on: impl Fn(i64) -> bool) -> Result<()> {
        let (agent, step, started) = (ask::agent(), i64::try_from(self.step.as_millis())?, Instant::now());
        for round in 0.. {
            let time = self.first_ms + round * step;
            let due =
                if self.rounds > 0.0 { started + Duration::from_secs_f64(round as f64 / self.rounds) } else { started };
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if !goes_on(time) {
                break;
            }
            // No sample is from the future.
            let early = u64::try_from(time - now().millis()).unwrap_or_default();
            thread::sleep(Duration::from_millis(early));
            let all_sent = load.round(time, |body, samples| {
                post(&agent, self.server, body, tally)?;
                tally.acked.fetch_add(samples as u64, Relaxed);
                anyhow::Ok(goes_on(time))
            })?;
            if !all_sent {
                break;
            }
        }
        Ok(())
    }
}

/// Sends a request until it is taken, as late as it is told to.
fn post(agent: &ureq::Agent, server: &str, body: &[u8], tally: &Tally) -> Result<()> {
    loop {
        let request = agent.post(format!("{server}/api/v1/write"));
        let request = request.header("content-encoding", "snappy").header("content-type", "application/x-protobuf");
        let mut response = request.send(body).context("sending a request: is a server running there?")?;
        tally.requests.fetch_add(1, Relaxed);
        let status = response.status().as_u16();
        let after = response.headers().get("retry-after").and_then(|after| after.to_str().ok()?.parse().ok());
        // Read to its end, so that the connection can be used again.
        let text = response.body_mut().read_to_string()?;
        match status {
            200..=299 => return Ok(()),
            429 | 503 => {
                let pause = Duration::from_secs(after.unwrap_or(1));
                tally.turned_away.fetch_add(1, Relaxed);
                tally.waited_ms.fetch_add(pause.as_millis() as u64, Relaxed);
                thread::sleep(pause);
            }
            _ => bail!("the server answers {status}: {text}"),
        }
    }
}
