//! Promise: an application that names a series as the host's own does no harm to the others in its batch.

use std::time::Duration;

use weir_tests::{Agent, Server, eventually};

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_series_that_comes_twice_in_a_batch_harms_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let agent = Agent::start(folder.path(), &server.ports.batch.to_string(), &server.keys(), &["--host", "web-1"]);
    let stored = |promql: &str| server.number(promql).filter(|value| *value > 0.0);
    eventually("the host's own uptime", PATIENCE, || stored("system_uptime_seconds"));
    // The one as another value of the same kind, the other as another kind.
    agent.emit("system_uptime_seconds:5|g\nsystem_cpu_load_average_1m:2|c\nbeside:3|c", 1);
    eventually("its neighbour in the batch", PATIENCE, || stored("beside").filter(|value| *value == 3.0));
    agent.emit("beside:4|c", 1);
    eventually("the next batch", PATIENCE, || stored("beside").filter(|value| *value == 7.0));
    for series in ["system_uptime_seconds", "system_memory_utilization_ratio", "system_cpu_load_average_5m"] {
        let fresh = format!("time() - timestamp({series})");
        eventually(series, PATIENCE, || server.number(&fresh).filter(|age| *age < 5.0));
    }
}
