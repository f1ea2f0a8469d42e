//! Overload: who is turned away first, and that nobody is turned away unheard.

use std::time::Duration;

use weir_gateway::{Class, GatewayConfig, ShedConfig};
use weir_queue::{Lane, LogConfig};
use weir_sample::{Pattern, Selector, Series, Value, Window};
use weir_wire::{Ack, Batch, Encoder, Totals};

use crate::site::{Agent, Site, TINY, config, eventually, now, value};

fn class(name: &str, lane: Lane) -> Class {
    Class { tenant: None, series: Selector { name: Pattern::new(name), labels: Vec::new() }, lane }
}

fn classes() -> ShedConfig {
    ShedConfig { classes: vec![class("debug_*", Lane::Bulk), class("up", Lane::Critical)], ..ShedConfig::default() }
}

fn send(agent: &Agent, seq: u64, name: &str) {
    let points = vec![(Series::new(name, [("host", "a-host-with-a-rather-long-name")]), Value::Gauge(1.0))];
    let batch = Batch { window: Window::ending(now(), 10_000), totals: Totals::default(), points };
    let payload = Encoder::new().encode(&batch, 1_000).0.remove(0);
    agent.send(&agent.sealed_as(&agent.header(seq), &payload));
}

/// The next ack: what it lists, and whether it asks to slow down.
fn heard(agent: &Agent) -> (Vec<u64>, bool) {
    let (Ack { seqs, hints, .. }, _) = agent.ack();
    (seqs, hints.slow)
}

#[test]
fn bulk_sheds_before_normal_before_critical_and_each_is_told_and_counted() {
    let stuck = LogConfig {
        commit_delay: Duration::from_secs(20),
        commit_bytes: usize::MAX,
        pending_bytes: 20_000,
        ..LogConfig::default()
    };
    let site = Site::with(config(), stuck);
    site.running.set_shedding(classes());
    let agent = site.agent();
    let pressure = || site.reading("weir_gateway_pressure_ratio");
    let taken = || site.reading("weir_gateway_batches_total");
    let shed = |lane| value(&site.running.readings(), "weir_gateway_shed_batches_total", lane);
    let mut seq = 0;
    let mut offer = |name: &str| {
        seq += 1;
        let before = taken();
        send(&agent, seq, name);
        eventually(|| taken() + shed("bulk") + shed("normal") == seq as f64, "the batch is taken or shed");
        taken() > before
    };
    assert!(offer("debug_x") && offer("load") && offer("up"));
    while pressure() < 0.6 {
        assert!(offer("load"));
    }
    assert!(!offer("debug_x"));
    assert_eq!(heard(&agent), (vec![], true));
    while pressure() < 0.85 {
        assert!(offer("load"));
    }
    assert!(!offer("debug_x") && !offer("load") && offer("up"));
    assert_eq!((shed("bulk"), shed("normal"), shed("critical")), (2.0, 1.0, 0.0));
    assert_eq!([heard(&agent), heard(&agent)], [(vec![], true), (vec![], true)]);
    site.log.flush().unwrap();
    assert_eq!(pressure(), 0.0);
    assert!(offer("debug_x"));
    site.log.flush().unwrap();
}

#[test]
fn an_agent_over_its_rate_is_turned_away_until_it_has_slowed_down() {
    let site = Site::new();
    let agent = site.agent();
    site.running.set_shedding(ShedConfig { agent_samples_per_second: 0.04, ..ShedConfig::default() });
    for seq in 0..3 {
        send(&agent, seq, "load");
        assert_eq!(heard(&agent), (vec![seq], false));
    }
    send(&agent, 3, "load");
    assert_eq!(heard(&agent), (vec![], true));
    assert_eq!(site.refused("agent_rate"), 1.0);
    site.running.set_shedding(ShedConfig::default());
    send(&agent, 3, "load");
    assert_eq!(heard(&agent), (vec![3], false));
}

#[test]
fn a_hint_that_would_be_larger_than_its_cause_is_not_sent() {
    let site = Site::new();
    let agent = site.agent();
    site.running.set_shedding(ShedConfig { agent_samples_per_second: 0.01, ..ShedConfig::default() });
    send(&agent, 1, "load");
    assert_eq!(heard(&agent), (vec![1], false));
    agent.send(&agent.sealed_as(&agent.header(2), &TINY));
    site.wait_for_refused("agent_rate", 1.0);
    site.running.set_shedding(ShedConfig::default());
    agent.assert_nothing_came_before(3);
}

#[test]
fn a_disk_that_fills_presses_before_the_queue_is_full() {
    let site = Site::with(config(), LogConfig { disk_bytes: 20_000, ..LogConfig::default() });
    let agent = site.agent();
    let (mut acked, mut asked) = (0, 0);
    // What is acked is on disk, so nothing waits in front of it: the pressure is the disk's alone.
    loop {
        send(&agent, acked, "load");
        let (seqs, slow) = heard(&agent);
        if seqs.is_empty() {
            break;
        }
        assert_eq!(seqs, [acked]);
        (acked, asked) = (acked + 1, asked + u64::from(slow));
    }
    assert!(0 < asked && asked < acked, "{asked} of {acked} acks ask to slow down");
    assert_eq!(value(&site.running.readings(), "weir_gateway_shed_batches_total", "normal"), 1.0);
    assert_eq!(site.refused("queue_full"), 0.0);
    assert!((0.85..1.0).contains(&site.reading("weir_gateway_pressure_ratio")));
}

#[test]
fn at_its_memory_bound_a_gateway_takes_nothing_says_so_and_lives() {
    let site = Site::with(GatewayConfig { memory_bytes: 1 << 20, ..config() }, LogConfig::default());
    let agent = site.agent();
    eventually(|| !site.running.ready(), "the bound is seen");
    send(&agent, 1, "load");
    assert_eq!(heard(&agent), (vec![], true));
    assert_eq!(value(&site.running.readings(), "weir_gateway_shed_batches_total", "normal"), 1.0);
}
