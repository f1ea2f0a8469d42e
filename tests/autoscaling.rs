//! Promise: gateways come and go with the load, and what was sent is counted once, to the unit.
//!
//! A controller follows `weir_gateway_saturation_ratio` and starts and drains gateways behind a real nginx while a fleet
//! grows to eight times its size and shrinks again. `make autoscaling` runs the same for longer and draws it.

use std::time::{Duration, Instant};

use weir_tests::{Autoscaler, Policy, Scenario, cores_used, run};

const AGENTS: u64 = 160;

fn policy() -> Policy {
    Policy { target: 0.6, most: 5, stabilisation: Duration::from_secs(3), leave_every: Duration::from_secs(1) }
}

#[test]
fn gateways_follow_the_load_and_nothing_is_lost_or_doubled() {
    let folder = tempfile::tempdir().unwrap();
    // What one gateway uses at the peak, on any machine: more than the target there, and far less with an eighth of it.
    let cores = cores_used(folder.path(), 8 * AGENTS);
    let scenario = Scenario {
        agents: AGENTS,
        ramp: "1,8,8,1,1",
        duration: Duration::from_secs(28),
        cores,
        quotas: false,
        policy: policy(),
    };
    let outcome = run(folder.path(), &scenario);
    let serving: Vec<usize> = outcome.moments.iter().map(|moment| moment.serving).collect();
    let (most, last) = (serving.iter().copied().max().unwrap(), *serving.last().unwrap());
    assert!(most >= 2 && last == 1, "{cores} cores each: {:?}", outcome.moments);
    assert!(outcome.exits.len() >= most - 1, "{serving:?}");
    assert!(outcome.exits.iter().all(|status| status.code() == Some(0)), "{:?}", outcome.exits);
    for report in &outcome.reports {
        for lost in ["batches_unacked", "counter_missing", "counter_doubled"] {
            assert_eq!(report[lost].as_f64(), Some(0.0), "{lost} in {report}");
        }
        assert!(report["counter_sum"].as_f64().unwrap() > 0.0 && report["samples_sent"] == report["samples_acked"]);
    }
}

#[test]
fn the_controller_is_quick_to_grow_and_slow_to_shrink() {
    let start = Instant::now();
    let mut autoscaler = Autoscaler::new(policy());
    let mut check = |second, gateways, mean, expected| {
        assert_eq!(autoscaler.desired(start + Duration::from_secs(second), gateways, mean), expected, "at {second} s");
    };
    check(0, 1, 0.4, 1);
    check(1, 1, 0.65, 1);
    check(2, 1, 1.0, 2);
    check(3, 2, 1.0, 4);
    check(4, 4, 1.0, 5);
    check(5, 5, 0.1, 5);
    check(6, 5, 0.1, 5);
    check(7, 5, 0.1, 4);
    check(8, 4, 0.0, 3);
    check(9, 3, 0.58, 3);
    check(10, 3, 0.0, 3);
    check(13, 3, 0.0, 2);
}
