//! Promise: the sink knows who is up. A host that is taken away says goodbye, one that is killed is told as down, and neither
//! holds up the time until which all data are there.

use std::time::Duration;

use weir_tests::{Agent, Server, eventually};

const PATIENCE: Duration = Duration::from_secs(60);

/// The pool's watermark, in seconds.
fn watermark(server: &Server) -> Option<f64> {
    server.reading("weir_sink_watermark_timestamp_seconds")
}

#[test]
fn a_goodbye_is_told_from_a_death_and_neither_stops_the_watermark() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let start = |name: &str| {
        let own = folder.path().join(name);
        std::fs::create_dir(&own).unwrap();
        Agent::start(&own, &server.ports.batch.to_string(), &server.keys(), &["--host", name])
    };
    let (mut leaving, mut dying, _staying) = (start("leaving"), start("dying"), start("staying"));
    eventually("all three to be up", PATIENCE, || (server.number("sum(weir_agent_up)") == Some(3.0)).then_some(()));
    assert!(leaving.program.stop().success());
    dying.program.kill();
    let up = |host: &str| server.number(&format!("weir_agent_up{{host=\"{host}\"}}"));
    eventually("the killed one to be down", PATIENCE, || (up("dying") == Some(0.0)).then_some(()));
    eventually("the other to have ended", PATIENCE, || {
        (server.query("weir_agent_up")?.as_array()?.len() == 2).then_some(())
    });
    assert_eq!((up("leaving"), up("staying")), (None, Some(1.0)));
    assert_eq!(server.reading("weir_sink_left_out_senders"), Some(1.0));
    let before = watermark(&server).unwrap();
    eventually("the watermark to go on", PATIENCE, || (watermark(&server)? > before).then_some(()));
}
