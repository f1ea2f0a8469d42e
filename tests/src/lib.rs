//! What end-to-end tests share: real programs in temporary folders on free loopback ports, stopped by pid.

mod autoscaler;
mod balancer;
mod bench;
mod board;
mod capacity;
mod chance;
mod engines;
pub mod exporter;
mod faulty_http;
mod fleet;
mod kafka;
mod programs;
mod prometheus;
mod relay;
pub mod remote_write;
mod rounds;
mod scaling;
mod webhooks;

pub use autoscaler::{Autoscaler, Policy};
pub use balancer::Balancer;
pub use bench::Fleet;
pub use board::{Board, Switch};
pub use capacity::Quota;
pub use chance::Chance;
pub use engines::Engine;
pub use faulty_http::{FaultyHttp, Met};
pub use fleet::start_role;
pub use kafka::Broker;
pub use programs::{Agent, Program, Server, ServerPorts, free_port, program};
pub use prometheus::Prometheus;
pub use relay::{Faults, Relay};
pub use rounds::{Applications, PARTS, Stored, assert_counted_to_the_unit, stored};
pub use scaling::{Moment, Outcome, Scenario, Second, cores_used, run};
pub use webhooks::{Webhook, Webhooks, seconds_now};

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Writes a key or token as programs take it: for its owner alone.
pub fn write_secret(path: impl AsRef<Path>, text: impl AsRef<[u8]>) {
    let mut options = std::fs::File::options();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path).unwrap().write_all(text.as_ref()).unwrap();
}

/// Asks until the answer is `Some`; panics with `what` when the time is up.
pub fn eventually<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(started.elapsed() < limit, "waited {} s for {what}", limit.as_secs());
        std::thread::sleep(Duration::from_millis(50));
    }
}
