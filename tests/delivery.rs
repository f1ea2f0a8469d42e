//! Promise: what an agent has sealed is counted once, to the unit, whatever dies in between.
//!
//! Three gateways and a sink share a queue; agents reach the gateways through relays that lose a fifth of all datagrams,
//! double, delay and damage others. Gateways, the sink and the agents get SIGKILL at random.
//!
//! What is promised, and so what is asserted: a line is *settled* once its agent has closed the window that holds it,
//! because the batch is then in the spool. Settled lines are counted exactly. Lines that were in an agent's open window
//! when it was killed existed in its memory only: of each such round at most what was emitted is counted, never more.
//!
//! Runs for 30 seconds; `WEIR_CHAOS_SECONDS=120` makes it longer, `WEIR_CHAOS_SEED` takes another course of chance.

use std::collections::HashMap;
use std::net::UdpSocket;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use weir_tests::{Agent, Chance, Faults, Relay, Server, ServerPorts, eventually};

const PATIENCE: Duration = Duration::from_secs(180);
const GATEWAYS: u64 = 3;
const AGENTS: u64 = 3;
/// Series that each round emits.
const PARTS: u64 = 12;

const FAULTS: Faults = Faults { loss: 0.2, duplicate: 0.1, corrupt: 0.02, delay: Duration::from_millis(40) };

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[test]
fn what_was_settled_is_counted_once_to_the_unit() {
    let (seed, duration) = (from_environment("WEIR_CHAOS_SEED", 7), from_environment("WEIR_CHAOS_SECONDS", 30));
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("weir.toml"), "[sink]\ncheckpoint_interval_s = 2\nlateness_s = 1\n").unwrap();
    let start = |role: &str, name: String| {
        let (config, queue, keys) = (path("weir.toml"), path("queue"), path("fleet.keys"));
        let more = ["--config", &config, "--queue", &queue, "--keys", &keys, "--writer", &name];
        Server::start_as(role, folder.path().join(&name), ServerPorts::free(), &more)
    };
    let mut servers = vec![start("sink", "sink".into())];
    servers.extend((0..GATEWAYS).map(|number| start("gateway", format!("gateway-{number}"))));
    let relay = |server: &Server| Relay::start(server.ports.batch, FAULTS, seed + u64::from(server.ports.batch.port()));
    let relays: Vec<Relay> = servers[1..].iter().map(relay).collect();
    let addresses = relays.iter().map(|relay| relay.address().to_string()).collect::<Vec<_>>().join(",");

    let until = Instant::now() + Duration::from_secs(duration);
    let over = AtomicBool::new(false);
    let (ledgers, kills) = std::thread::scope(|scope| {
        let chaos = scope.spawn(|| kill_at_random(&mut servers, Chance::new(seed), &over));
        let emitters: Vec<_> = (0..AGENTS)
            .map(|number| {
                let (addresses, folder) = (&addresses, folder.path());
                scope.spawn(move || emit(number, addresses, folder, Chance::new(seed * 31 + number), until))
            })
            .collect();
        let ledgers: Vec<Ledger> = emitters.into_iter().map(|emitter| emitter.join().unwrap()).collect();
        over.store(true, Ordering::Relaxed);
        (ledgers, chaos.join().unwrap())
    });
    servers.iter().for_each(Server::wait_until_ready);

    let sink = &servers[0];
    eventually("every settled line to be stored", PATIENCE, || {
        let stored = stored(sink)?;
        ledgers.iter().all(|ledger| ledger.missing(&stored).is_none()).then_some(())
    });
    // Whatever else is on its way, sent again or read again must change nothing. A sink that stops reads to the end.
    servers[1..].iter_mut().for_each(|gateway| assert!(gateway.program.stop().success()));
    let sink = &mut servers[0];
    sink.program.kill();
    sink.start_again();
    sink.wait_until_ready();
    assert!(sink.program.stop().success());
    sink.start_again();
    sink.wait_until_ready();
    let stored = stored(sink).unwrap();
    for ledger in &ledgers {
        assert_eq!(ledger.missing(&stored), None);
        ledger.assert_nothing_counted_twice(&stored);
    }
    let settled: u64 =
        ledgers.iter().flat_map(|ledger| &ledger.rounds).filter(|round| round.settled).map(|r| r.lines).sum();
    let (agent_kills, lost) =
        (ledgers.iter().map(|ledger| ledger.kills).sum::<u64>(), relays.iter().map(Relay::lost).sum::<u64>());
    println!(
        "{settled} lines settled and counted; {kills} server kills, {agent_kills} agent kills, {lost} datagrams lost"
    );
    assert!(kills > 3 && agent_kills > 0 && lost > 50, "nothing much has happened");
}

/// One burst of lines: every part the same number of times.
struct Round {
    lines: u64,
    settled: bool,
}

/// What one agent's applications have emitted.
struct Ledger {
    host: String,
    rounds: Vec<Round>,
    kills: u64,
}

type Stored = HashMap<(String, u64, u64), f64>;

impl Ledger {
    /// The first settled count that is not stored as it was emitted.
    fn missing(&self, stored: &Stored) -> Option<(u64, u64, Option<f64>)> {
        let rounds = self.rounds.iter().enumerate().filter(|(_, round)| round.settled);
        let parts = rounds.flat_map(|(at, round)| (0..PARTS).map(move |part| (at as u64, part, round.lines / PARTS)));
        parts.into_iter().find_map(|(round, part, expected)| {
            let value = stored.get(&(self.host.clone(), round, part)).copied();
            (value != Some(expected as f64)).then_some((round, part, value))
        })
    }

    fn assert_nothing_counted_twice(&self, stored: &Stored) {
        for ((host, round, part), value) in stored.iter().filter(|((host, ..), _)| *host == self.host) {
            let most = self.rounds[*round as usize].lines / PARTS;
            assert!(*value <= most as f64, "{host}: round {round}, part {part}: {value} of {most}");
        }
    }
}

/// Emits rounds until the time is up, and kills the agent now and then while its window is open.
fn emit(number: u64, servers: &str, folder: &Path, mut chance: Chance, until: Instant) -> Ledger {
    let host = format!("host-{number}");
    let folder = folder.join(&host);
    std::fs::create_dir(&folder).unwrap();
    let keys = folder.parent().unwrap().join("fleet.keys");
    let mut agent = Agent::start(&folder, servers, &keys, &["--host", &host]);
    let (mut rounds, mut kills, mut since_start) = (Vec::new(), 0, 0);
    while Instant::now() < until {
        let lines = PARTS * (1 + chance.below(8));
        send(&agent, rounds.len(), lines / PARTS);
        since_start += lines;
        if chance.happens(0.2) {
            std::thread::sleep(Duration::from_millis(chance.below(1_500)));
            agent.program.kill();
            agent.start_again();
            (kills, since_start) = (kills + 1, 0);
            rounds.push(Round { lines, settled: false });
            continue;
        }
        let taken = || agent.reading("weir_agent_statsd_lines_total").filter(|taken| *taken == since_start as f64);
        eventually("the agent to take its lines", PATIENCE, taken);
        let sealed = || agent.reading("weir_agent_sealed_batches_total");
        let before = sealed().unwrap();
        eventually("the window to close", PATIENCE, || sealed().filter(|sealed| *sealed > before));
        rounds.push(Round { lines, settled: true });
    }
    eventually("the spool to be empty", PATIENCE, || {
        agent.reading("weir_agent_spooled_batches").filter(|left| *left < 5.0)
    });
    assert_eq!(agent.reading("weir_agent_dropped_batches_total{reason=\"spool_full\"}"), Some(0.0));
    assert!(agent.program.stop().success());
    Ledger { host, rounds, kills }
}

fn send(agent: &Agent, round: usize, times: u64) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..times {
        let line = |part: u64| format!("delivered:1|c|#round:{round},part:{part}\n");
        let datagram: String = (0..PARTS).map(line).collect();
        socket.send_to(datagram.as_bytes(), agent.statsd).unwrap();
    }
}

/// Returns how many were killed.
fn kill_at_random(servers: &mut [Server], mut chance: Chance, over: &AtomicBool) -> u64 {
    let mut kills = 0;
    while !over.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(300 + chance.below(2_000)));
        let victim = chance.below(servers.len() as u64) as usize;
        servers[victim].program.kill();
        kills += 1;
        std::thread::sleep(Duration::from_millis(chance.below(1_500)));
        servers[victim].start_again();
    }
    kills
}

/// What the sink answers, per host, round and part.
fn stored(sink: &Server) -> Option<Stored> {
    let answer = sink.query("last_over_time(delivered[1h])")?;
    let series = answer.as_array()?.iter().map(|series| {
        let label = |name: &str| series["metric"][name].as_str().map(str::to_owned);
        let value = series["value"][1].as_str()?.parse().ok()?;
        Some(((label("host")?, label("round")?.parse().ok()?, label("part")?.parse().ok()?), value))
    });
    series.collect()
}
