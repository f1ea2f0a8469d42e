//! Promise: gateways behind a load balancer come and go, and what was sealed is counted once, to the unit.
//!
//! A real nginx spreads UDP and TCP over gateways that share one queue. Under load one is killed, one drained, and one
//! added.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;
use weir_tests::{Agent, Applications, Balancer, Server, assert_counted_to_the_unit, eventually, program, start_role};

const PATIENCE: Duration = Duration::from_secs(60);

fn acked(gateway: &Server) -> f64 {
    gateway.reading("weir_gateway_acked_batches_total").unwrap_or_default()
}

#[test]
fn gateways_come_and_go_behind_a_balancer_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let made = std::process::Command::new(program("weir")).args(["certs", "dev", &path("certs")]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let tls = format!(
        "[sink]\ncheckpoint_interval_s = 2\nlateness_s = 1\n[tls]\ncertificates = {:?}\nkey = {:?}\nhttp = false\n",
        path("certs/server.pem"),
        path("certs/server.key")
    );
    fs::write(path("weir.toml"), tls).unwrap();
    let mut sink = start_role(folder.path(), "sink", "sink", &[]);
    let gateway = |number: usize| start_role(folder.path(), "gateway", &format!("gateway-{number}"), &[]);
    let mut gateways = vec![gateway(0), gateway(1), gateway(2)];
    let balancer = Balancer::start(folder.path(), &gateways.iter().collect::<Vec<_>>());

    let ca = path("certs/ca.pem");
    let mut applications: Vec<Applications> = ["udp", "udp", "udp", "udp", "tls", "tls"]
        .iter()
        .enumerate()
        .map(|(number, transport)| {
            let host = format!("host-{number}");
            let own = folder.path().join(&host);
            fs::create_dir(&own).unwrap();
            let more = ["--host", &host, "--transport", transport, "--ca", &ca];
            let keys = folder.path().join("fleet.keys");
            let agent = Agent::start(&own, &balancer.address.to_string(), &keys, &more);
            Applications::new(host, agent)
        })
        .collect();
    let mut count = |rounds: u64| {
        std::thread::scope(|scope| {
            for host in &mut applications {
                scope.spawn(move || (0..rounds).for_each(|round| host.count(1 + round)));
            }
        });
    };

    count(3);
    assert!(gateways.iter().filter(|gateway| acked(gateway) > 0.0).count() >= 2, "the load is spread");

    // Killed, without a word to the balancer.
    gateways[0].program.kill();
    count(3);

    // Drained: its agents leave it, and it ends when they have.
    balancer.lead_to(&[&gateways[0], &gateways[2]]);
    let before = acked(&gateways[2]);
    gateways[1].program.signal(Signal::TERM);
    count(3);
    eventually("the drained gateway to end", PATIENCE, || (!gateways[1].program.is_running()).then_some(()));
    assert!(acked(&gateways[2]) > before, "the one that is left works");

    // Added, with the killed one gone for good.
    gateways.push(gateway(3));
    balancer.lead_to(&[&gateways[3]]);
    gateways[2].program.signal(Signal::TERM);
    count(4);
    eventually("the added gateway to be used", PATIENCE, || Some(acked(&gateways[3])).filter(|acked| *acked > 20.0));

    assert_counted_to_the_unit(&mut applications, &mut gateways[3..], &mut sink);
}
