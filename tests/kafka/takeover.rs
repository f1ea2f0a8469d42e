//! Who owns a partition: the last who has claimed it, whoever was stopped and wakes.

use std::time::Duration;

use rustix::process::Signal;

use crate::site::{PARTITIONS, Site, wait_for, wait_for_hits};

#[test]
fn a_sink_that_was_stopped_and_wakes_after_another_has_taken_over_stands_aside() {
    let site = Site::start();
    let gateway = site.role("gateway", "gateway", &[]);
    let agent = site.agent(&[&gateway]);
    let first = site.role("sink", "first", &[]);
    agent.emit("hits:1|c", 300);
    wait_for_hits(&first, 300);
    first.program.signal(Signal::STOP);
    // The newcomer has nothing, and reads everything again.
    let second = site.role("sink", "second", &[]);
    agent.emit("hits:1|c", 200);
    wait_for_hits(&second, 500);
    first.program.signal(Signal::CONT);
    wait_for(&first, "/readyz", 503, "has claimed weir.batches partition");
    wait_for(&first, "/api/v1/query?query=1", 503, "");
    agent.emit("hits:1|c", 100);
    wait_for_hits(&second, 600);
    assert_eq!(second.get("/readyz").unwrap().0, 200);
    // It does not take the partitions back by itself.
    std::thread::sleep(Duration::from_secs(3));
    wait_for(&first, "/readyz", 503, "has claimed weir.batches partition");
    let owner = format!("/{}/", second.program.id());
    let status = site.status("sink");
    assert_eq!(status.matches(&owner).count(), PARTITIONS as usize, "{status}");
}

#[test]
fn two_groups_are_two_copies_and_neither_disturbs_the_other() {
    let site = Site::start();
    let gateway = site.role("gateway", "gateway", &[]);
    let agent = site.agent(&[&gateway]);
    let mut sinks = ["a", "b"].map(|group| site.role("sink", group, &["--group", group]));
    agent.emit("hits:1|c", 300);
    sinks.iter().for_each(|sink| wait_for_hits(sink, 300));
    sinks[0].program.kill();
    agent.emit("hits:1|c", 300);
    wait_for_hits(&sinks[1], 600);
    sinks[0].start_again();
    sinks[0].wait_until_ready();
    sinks.iter().for_each(|sink| wait_for_hits(sink, 600));
}

#[test]
fn two_sinks_share_the_partitions_and_each_agent_is_in_one() {
    let site = Site::start();
    let gateway = site.role("gateway", "gateway", &[]);
    let [low, high] = ["0/2", "1/2"].map(|share| site.role("sink", &share[..1], &["--share", share]));
    let agent = site.agent(&[&gateway]);
    agent.emit("hits:1|c", 400);
    let hits = |server: &weir_tests::Server| server.number("sum(hits)").unwrap_or(0.0);
    weir_tests::eventually("every line to be stored", crate::site::PATIENCE, || {
        let found = [hits(&low), hits(&high)];
        (found.iter().sum::<f64>() == 400.0).then_some(found)
    });
    let found = [hits(&low), hits(&high)];
    assert!(found.contains(&400.0) && found.contains(&0.0), "{found:?}");
}

#[test]
fn partitions_that_go_back_and_forth_under_load_are_counted_once_by_whoever_has_them() {
    let turns: usize = std::env::var("WEIR_KAFKA_TURNS").map_or(8, |text| text.parse().unwrap());
    let site = Site::start();
    let gateway = site.role("gateway", "gateway", &[]);
    let agent = site.agent(&[&gateway]);
    let mut sinks = ["left", "right"].map(|name| site.role("sink", name, &[]));
    let mut hits = 0;
    for turn in 0..turns {
        let (mine, other) = (turn % 2, (turn + 1) % 2);
        for _ in 0..5 {
            agent.emit("hits:1|c", 4);
            hits += 4;
            std::thread::sleep(Duration::from_millis(50));
        }
        // In the middle of its work, or stood aside.
        sinks[mine].program.kill();
        sinks[mine].start_again();
        sinks[mine].wait_until_ready();
        wait_for(&sinks[other], "/readyz", 503, "has claimed weir.batches partition");
    }
    let last = (turns + 1) % 2;
    wait_for_hits(&sinks[last], hits);
    // The other has all that was there when it was fenced, and reads the rest when it is its turn.
    let first = 1 - last;
    sinks[first].program.kill();
    sinks[first].start_again();
    sinks[first].wait_until_ready();
    wait_for_hits(&sinks[first], hits);
}
