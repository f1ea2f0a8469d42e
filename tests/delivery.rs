//! Promise: what an agent has sealed is counted once, to the unit, whatever dies in between.
//!
//! Three gateways and a sink share a queue; agents reach the gateways through relays that lose a fifth of all datagrams,
//! double, delay and damage others. Gateways, the sink and the agents get SIGKILL at random. What "sealed" means for
//! the line of an application, and what may happen to one that is not, is said at [`Applications`].
//!
//! Runs for 30 seconds; `WEIR_CHAOS_SECONDS=120` makes it longer, `WEIR_CHAOS_SEED` takes another course of chance.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use weir_tests::{Agent, Applications, Chance, Faults, Relay, Server, assert_counted_to_the_unit, start_role};

const GATEWAYS: u64 = 3;
const AGENTS: u64 = 8;
const FAULTS: Faults = Faults { loss: 0.2, duplicate: 0.1, corrupt: 0.02, delay: Duration::from_millis(40) };

#[test]
fn what_was_settled_is_counted_once_to_the_unit() {
    let (seed, duration) = (from_environment("WEIR_CHAOS_SEED", 7), from_environment("WEIR_CHAOS_SECONDS", 30));
    let folder = tempfile::tempdir().unwrap();
    let mut servers = vec![start_role(folder.path(), "sink", "sink", &[])];
    servers.extend((0..GATEWAYS).map(|number| start_role(folder.path(), "gateway", &format!("gateway-{number}"), &[])));
    let relay = |(number, server): (usize, &Server)| Relay::start(server.ports.batch, FAULTS, seed + number as u64);
    let relays: Vec<Relay> = servers[1..].iter().enumerate().map(relay).collect();
    let addresses = relays.iter().map(|relay| relay.address().to_string()).collect::<Vec<_>>().join(",");

    let until = Instant::now() + Duration::from_secs(duration);
    let over = AtomicBool::new(false);
    let (mut applications, kills) = std::thread::scope(|scope| {
        let killer = scope.spawn(|| kill_at_random(&mut servers, Chance::new(seed), &over));
        let counting = (0..AGENTS).map(|number| {
            let (addresses, folder) = (&addresses, folder.path());
            scope.spawn(move || count(number, addresses, folder, Chance::new(seed * 31 + number), until))
        });
        let counting: Vec<_> = counting.collect();
        let applications: Vec<_> = counting.into_iter().map(|thread| thread.join().unwrap()).collect();
        over.store(true, Ordering::Relaxed);
        (applications, killer.join().unwrap())
    });
    servers.iter().for_each(Server::wait_until_ready);

    let (sink, gateways) = servers.split_first_mut().unwrap();
    assert_counted_to_the_unit(&mut applications, gateways, sink);
    let lines: u64 = applications.iter().map(Applications::settled_lines).sum();
    let agent_kills: u64 = applications.iter().map(|host| host.kills).sum();
    let lost: u64 = relays.iter().map(Relay::lost).sum();
    println!(
        "{lines} lines settled and counted; {kills} server kills, {agent_kills} agent kills, {lost} datagrams lost"
    );
    assert!(kills > 3 && agent_kills > 0 && lost > 30, "nothing much has happened");
}

/// Counts until the time is up; a fifth of the rounds end with the agent killed in its open window.
fn count(number: u64, servers: &str, folder: &Path, mut chance: Chance, until: Instant) -> Applications {
    let host = format!("host-{number}");
    let own = folder.join(&host);
    std::fs::create_dir(&own).unwrap();
    let agent = Agent::start(&own, servers, &folder.join("fleet.keys"), &["--host", &host]);
    let mut applications = Applications::new(host, agent);
    while Instant::now() < until {
        let times = 1 + chance.below(8);
        match chance.happens(0.2) {
            true => applications.count_and_kill(times, Duration::from_millis(chance.below(1_500))),
            false => applications.count(times),
        }
    }
    applications
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

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}
