//! Topics get more partitions while agents send: everything is counted once, whoever is restarted in which order.

use std::process::{Command, Output};

use weir_tests::{Server, eventually, program};

use crate::site::{PARTITIONS, PATIENCE, Site};

fn grow(site: &Site, to: i32, more: &[&str]) -> Output {
    let (config, to) = (site.path("weir.toml").display().to_string(), to.to_string());
    let base = ["kafka", "grow", "--config", &config, "--partitions", &to];
    Command::new(program("weir")).args([&base, more].concat()).output().unwrap()
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

#[test]
fn topics_are_grown_under_load_and_everything_is_counted_once() {
    let site = Site::start();
    let shares = ["0/2", "1/2"];
    let mut sinks: Vec<Server> =
        shares.map(|share| site.role("sink", &format!("sink-{}", &share[..1]), &["--share", share])).into();
    let mut gateways: Vec<Server> = (0..2).map(|at| site.role("gateway", &format!("gateway-{at}"), &[])).collect();
    // Agents of all partitions, each with both gateways to go to.
    let agents: Vec<_> = (0..6)
        .map(|at| {
            let folder = site.path(&format!("agent-{at}"));
            std::fs::create_dir_all(&folder).unwrap();
            let servers: Vec<String> = gateways.iter().map(|gateway| gateway.ports.batch.to_string()).collect();
            weir_tests::Agent::start(
                &folder,
                &servers.join(","),
                &site.path("fleet.keys"),
                &["--host", &format!("h{at}")],
            )
        })
        .collect();
    let mut sent = 0;
    let mut emit = || {
        agents.iter().for_each(|agent| agent.emit("hits:1|c", 50));
        sent += 50 * agents.len();
        sent as f64
    };
    let hits = |sinks: &[Server]| sinks.iter().filter_map(|sink| sink.number("sum(hits)")).sum::<f64>();
    let wait_for = |sinks: &[Server], all: f64| {
        eventually("every line to be stored", PATIENCE, || (hits(sinks) >= all).then_some(()));
        assert_eq!(hits(sinks), all);
    };
    wait_for(&sinks, emit());
    eventually("the group's offsets", PATIENCE, || site.status("sink").contains("/").then_some(()));

    let no_multiple = grow(&site, PARTITIONS + 1, &["--apply"]);
    assert!(!no_multiple.status.success() && text(&no_multiple).contains("no multiple"), "{}", text(&no_multiple));
    let to = 2 * PARTITIONS;
    let plan = grow(&site, to, &[]);
    assert!(plan.status.success() && text(&plan).contains("nothing was done"), "{}", text(&plan));
    assert!(text(&plan).contains("group sink: 2 sinks keep their senders"), "{}", text(&plan));
    assert_eq!(site.status("sink").lines().count() as i32, PARTITIONS + 1);
    let done = grow(&site, to, &["--apply"]);
    assert!(done.status.success(), "{}", text(&done));
    assert_eq!(site.status("sink").lines().count() as i32, to + 1);

    // The wrong way round: a gateway fills partitions that no sink reads yet.
    emit();
    gateways[0].program.kill();
    gateways[0].start_again();
    gateways[0].wait_until_ready();
    assert_eq!(gateways[0].reading("weir_queue_partitions"), Some(f64::from(to)));
    emit();
    for sink in &mut sinks {
        sink.program.kill();
        sink.start_again();
        emit();
    }
    gateways[1].program.kill();
    gateways[1].start_again();
    let all = emit();
    sinks.iter().for_each(Server::wait_until_ready);
    wait_for(&sinks, all);
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(hits(&sinks), all, "nothing is counted later either");
    let status = site.status("sink");
    let owned = |sink: &Server| status.matches(&format!("/{}/", sink.program.id())).count() as i32;
    eventually("all to be claimed", PATIENCE, || {
        (owned(&sinks[0]) == to / 2 && owned(&sinks[1]) == to / 2).then_some(())
    });
    // Three sinks do not divide eight partitions.
    let mistaken: Vec<Server> = ["0/3", "1/3", "2/3"]
        .map(|share| site.role("sink", &format!("odd-{}", &share[..1]), &["--group", "odd", "--share", share]))
        .into();
    eventually("the group's offsets", PATIENCE, || {
        let refused = grow(&site, 2 * to, &["--apply"]);
        (!refused.status.success() && text(&refused).contains("group odd has 3 sinks")).then_some(())
    });
    drop(mistaken);
}
