//! Two state machines over a fake link in virtual time: everything acked is counted once, nothing is acked that was not
//! appended, whatever the link, the gateways and the sink go through.

mod chance;
mod gateways;
mod world;

use std::time::Duration;

use proptest::prelude::*;
use weir_wire::{Epoch, OutboxConfig, Route};
use world::{EPOCH, Faults, World};

const DAY: Duration = Duration::from_secs(86_400);

fn any_faults() -> impl Strategy<Value = Faults> {
    (0..=50u32, 0..=50u32, 0..=50u32, 0..400u64).prop_map(|(drop, duplicate, corrupt, delay)| Faults {
        drop: f64::from(drop) / 100.0,
        duplicate: f64::from(duplicate) / 100.0,
        corrupt: f64::from(corrupt) / 100.0,
        delay: Duration::from_millis(delay),
    })
}

/// Everything that was pushed and not handed back is counted once, to the unit. What was handed back may have arrived
/// before, with its ack lost; nothing else is counted.
fn assert_counted_once(world: &World) {
    let counted = &world.sink.counted;
    for name in world.pushed.keys() {
        assert!(counted.names.contains(name), "{name:?} was acked and never counted");
    }
    for name in &counted.names {
        assert!(world.pushed.contains_key(name) || world.handed_back.contains(name), "{name:?} was never pushed");
    }
    if world.handed_back.is_empty() {
        assert_eq!(counted.total, world.pushed.values().map(|(_, number)| number).sum::<f64>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn what_is_acked_is_counted_once_whatever_happens(
        seed: u64,
        faults in any_faults(),
        batches in 1..800u64,
        spooled in 0..300u64,
        pause in 0..300u64,
        flight in prop_oneof![1..64usize, Just(4_096)],
        crashes in 0..4u64,
    ) {
        let config = OutboxConfig { max_in_flight: flight, ..OutboxConfig::default() };
        let mut world = World::new(seed, faults, config);
        world.push_all(Epoch(EPOCH.0 - 9), 5_000..5_000 + spooled, Duration::ZERO);
        world.push_all(EPOCH, 0..batches, Duration::from_millis(pause));
        world.crash_all(crashes, Duration::from_secs(60));
        world.run(DAY);
        assert_counted_once(&world);
    }

    #[test]
    fn memory_stays_bounded_while_nothing_answers(seed: u64, batches in 100..2_000u64) {
        let config = OutboxConfig { max_bytes: 20_000, ..OutboxConfig::default() };
        let mut world = World::new(seed, Faults::default(), config);
        world.dead = |_, _, now| now < Duration::from_secs(600);
        world.gateways.iter_mut().for_each(|gateway| gateway.down = true);
        world.push_all(EPOCH, 0..batches, Duration::from_millis(500));
        world.run_for(Duration::from_secs(600));
        world.gateways.iter_mut().for_each(|gateway| gateway.down = false);
        world.run(DAY);
        assert_counted_once(&world);
        let totals = world.outbox().totals();
        prop_assert_eq!(totals.dropped_batches, world.handed_back.len() as u64);
        prop_assert_eq!(totals.acked_batches + totals.dropped_batches, batches);
    }
}

#[test]
fn a_backlog_passes_at_full_speed_while_the_oldest_batch_has_bad_luck() {
    let config = OutboxConfig { max_in_flight: 4_096, max_bytes: 64 << 20, ..OutboxConfig::default() };
    let faults = Faults { drop: 0.5, delay: Duration::from_millis(40), ..Faults::default() };
    let mut world = World::new(11, faults, config);
    world.push_all(Epoch(EPOCH.0 - 9), 0..20, Duration::ZERO);
    world.push_all(EPOCH, 0..6_000, Duration::ZERO);
    world.run(DAY);
    assert_counted_once(&world);
}

#[test]
fn a_path_that_swallows_everything_is_left_by_a_new_source() {
    let mut world =
        World::new(3, Faults::default(), OutboxConfig { silence_before_tls: None, ..OutboxConfig::default() });
    world.dead = |source, gateway, _| gateway == 0 || source < 4;
    world.push_all(EPOCH, 0..100, Duration::from_secs(1));
    world.run(Duration::from_secs(180));
    assert_counted_once(&world);
    assert_eq!(world.outbox().route(), Route::Udp);
}

#[test]
fn a_batch_that_no_gateway_takes_does_not_hold_up_the_others() {
    for pause in [1, 10, 60] {
        let config = OutboxConfig { silence_before_tls: None, ..OutboxConfig::default() };
        let mut world = World::new(8, Faults::default(), config);
        world.poison = Some(5);
        world.push_all(EPOCH, 0..300, Duration::from_secs(pause));
        world.run_for(Duration::from_secs(300 * pause));
        let waiting: Vec<u64> = world.outbox().waiting().map(|entry| entry.seq).collect();
        assert!(waiting.len() <= 3 && waiting[0] == 5, "a batch a {pause} s: {waiting:?} wait");
    }
}

#[test]
fn udp_that_stays_silent_gives_way_to_tls_and_comes_back_when_it_works() {
    const CLOSED: Duration = Duration::from_secs(900);
    let mut world = World::new(4, Faults::default(), OutboxConfig::default());
    world.dead = |_, _, now| now < CLOSED;
    world.push_all(EPOCH, 0..200, Duration::from_secs(20));
    world.run_for(CLOSED);
    assert_eq!(world.outbox().route(), Route::Tls);
    assert!(world.outbox().len() <= 2, "{} batches wait although TLS works", world.outbox().len());
    world.run(DAY);
    assert_eq!(world.outbox().route(), Route::Udp);
    assert_counted_once(&world);
}

#[test]
fn one_lost_burst_is_not_yet_silence() {
    let mut world = World::new(5, Faults::default(), OutboxConfig::default());
    world.dead = |_, _, now| now < Duration::from_secs(1);
    world.push_all(EPOCH, 0..60, Duration::ZERO);
    world.run(DAY);
    assert_eq!(world.outbox().route(), Route::Udp);
    assert!(world.now < Duration::from_secs(3), "{:?}", world.now);
    assert_counted_once(&world);
}

#[test]
fn an_answer_that_is_slower_than_the_timeout_does_not_double_everything() {
    let faults = Faults { delay: Duration::from_secs(2), ..Faults::default() };
    let mut world = World::new(6, faults, OutboxConfig::default());
    world.push_all(EPOCH, 0..2_000, Duration::from_millis(400));
    world.run(DAY);
    assert_counted_once(&world);
    assert!(world.sends < 2_600, "{} sends for 2,000 batches", world.sends);
}
