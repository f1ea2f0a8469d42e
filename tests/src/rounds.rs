//! Applications that count, and the exact account of what they counted.

use std::collections::HashMap;
use std::net::UdpSocket;
use std::time::Duration;

use crate::{Agent, Server, eventually};

/// Series that each round emits.
pub const PARTS: u64 = 12;

const PATIENCE: Duration = Duration::from_secs(180);

/// One burst of lines: every part the same number of times.
#[derive(Clone, Copy, Debug)]
struct Round {
    times: u64,
    settled: bool,
}

/// The applications beside one agent.
///
/// A line is *settled* once the agent has closed the window that holds it, because its batch is then in the spool: from
/// there on it is counted exactly once. Lines in the open window of an agent that is killed existed in its memory only:
/// they may be lost, and are counted once at most.
pub struct Applications {
    /// Value of the agent's host label.
    pub host: String,
    /// The agent that they send to.
    pub agent: Agent,
    /// How often it was killed.
    pub kills: u64,
    rounds: Vec<Round>,
    lines_since_start: u64,
}

/// What a sink has stored, per host, round and part.
pub type Stored = HashMap<(String, u64, u64), f64>;

impl Applications {
    /// Applications beside an agent that was just started with this host label.
    pub fn new(host: String, agent: Agent) -> Self {
        Self { host, agent, kills: 0, rounds: Vec::new(), lines_since_start: 0 }
    }

    /// Sends every part so many times and waits until that is settled.
    pub fn count(&mut self, times: u64) {
        self.send(times);
        let expected = self.lines_since_start as f64;
        let taken = || self.agent.reading("weir_agent_statsd_lines_total").filter(|taken| *taken == expected);
        eventually("the agent to take its lines", PATIENCE, taken);
        let sealed = || self.agent.reading("weir_agent_sealed_batches_total");
        let before = sealed().unwrap();
        eventually("the window to close", PATIENCE, || sealed().filter(|sealed| *sealed > before));
        self.rounds.push(Round { times, settled: true });
    }

    /// Sends every part so many times, kills the agent within the window, and starts it again.
    pub fn count_and_kill(&mut self, times: u64, after: Duration) {
        self.send(times);
        std::thread::sleep(after);
        self.agent.program.kill();
        self.agent.start_again();
        self.rounds.push(Round { times, settled: false });
        (self.kills, self.lines_since_start) = (self.kills + 1, 0);
    }

    fn send(&mut self, times: u64) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let line = |part: u64| format!("delivered:1|c|#round:{},part:{part}\n", self.rounds.len());
        let datagram: String = (0..PARTS).map(line).collect();
        for _ in 0..times {
            socket.send_to(datagram.as_bytes(), self.agent.statsd).unwrap();
        }
        self.lines_since_start += times * PARTS;
    }

    /// Lines that were settled.
    pub fn settled_lines(&self) -> u64 {
        self.rounds.iter().filter(|round| round.settled).map(|round| round.times * PARTS).sum()
    }

    /// The first settled count that is not stored as it was emitted: round, part, and what is stored.
    pub fn missing(&self, stored: &Stored) -> Option<(u64, u64, Option<f64>)> {
        let settled = self.rounds.iter().enumerate().filter(|(_, round)| round.settled);
        let mut parts = settled.flat_map(|(at, round)| (0..PARTS).map(move |part| (at as u64, part, round.times)));
        parts.find_map(|(round, part, times)| {
            let value = stored.get(&(self.host.clone(), round, part)).copied();
            (value != Some(times as f64)).then_some((round, part, value))
        })
    }

    /// Panics if more is stored than was emitted.
    pub fn assert_nothing_is_counted_twice(&self, stored: &Stored) {
        for ((host, round, part), value) in stored.iter().filter(|((host, ..), _)| *host == self.host) {
            let times = self.rounds[*round as usize].times;
            assert!(*value <= times as f64, "{host}: round {round}, part {part}: {value} of {times}");
        }
    }
}

/// What a sink answers; `None` while it does not.
pub fn stored(sink: &Server) -> Option<Stored> {
    let answer = sink.query("last_over_time(delivered[1h])")?;
    let series = answer.as_array()?.iter().map(|series| {
        let label = |name: &str| series["metric"][name].as_str().map(str::to_owned);
        let value = series["value"][1].as_str()?.parse().ok()?;
        Some(((label("host")?, label("round")?.parse().ok()?, label("part")?.parse().ok()?), value))
    });
    series.collect()
}

/// Waits until all that is settled is stored; then stops everything, kills the sink as well, and finds the same. What was
/// on its way, sent again or read again must have changed nothing.
pub fn assert_counted_to_the_unit(applications: &mut [Applications], gateways: &mut [Server], sink: &mut Server) {
    eventually("every settled line to be stored", PATIENCE, || {
        let stored = stored(sink)?;
        applications.iter().all(|host| host.missing(&stored).is_none()).then_some(())
    });
    for host in applications.iter_mut() {
        let lost = "weir_agent_dropped_batches_total{reason=\"spool_full\"}";
        assert_eq!(host.agent.reading(lost), Some(0.0));
        assert!(host.agent.program.stop().success());
    }
    gateways.iter_mut().for_each(|gateway| assert!(gateway.program.stop().success()));
    sink.program.kill();
    sink.start_again();
    sink.wait_until_ready();
    // A sink that is asked to stop reads the queue to its end.
    assert!(sink.program.stop().success());
    sink.start_again();
    sink.wait_until_ready();
    let stored = stored(sink).unwrap();
    for host in applications {
        assert_eq!(host.missing(&stored), None, "{}", host.host);
        host.assert_nothing_is_counted_twice(&stored);
    }
}
