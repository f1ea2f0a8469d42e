//! A host whose clock is wrong, set and mended, beside gateways of which some are wrong too.

use super::*;

const TRUE: Timestamp = Timestamp::from_secs(1_800_000_000);
const DAYS: i64 = 10 * 86_400;

/// A host that hears an ack every second, for which no time passes but by `run`.
struct Bench {
    clock: Clock,
    /// Seconds that have passed, and by how many the host's clock is ahead.
    passed: i64,
    ahead: f64,
    known: usize,
}

impl Bench {
    fn new(ahead: f64, known: usize) -> Self {
        let mut bench = Self { clock: Clock::new(Moment::now()), passed: 0, ahead, known };
        bench.clock = Clock::new(bench.moment());
        bench
    }

    fn moment(&self) -> Moment {
        let wall = Timestamp(TRUE.0 + self.passed * 1_000 + (self.ahead * 1e3) as i64);
        Moment { wall, since_boot: Duration::from_secs(100 + self.passed as u64) }
    }

    /// Hears this gateway, which is so many seconds ahead, for so many seconds. The last look, and by how many seconds time is
    /// ahead of the true one then.
    fn run(&mut self, port: u16, gateway_ahead: i64, seconds: u64) -> (bool, f64) {
        let mut set_back = false;
        for _ in 0..seconds {
            self.passed += 1;
            let now = self.moment();
            let server = Timestamp(TRUE.0 + (self.passed + gateway_ahead) * 1_000);
            self.clock.hear(SocketAddr::from(([127, 0, 0, 1], port)), server, now.since_boot);
            set_back |= self.clock.look(now, self.known).set_back;
        }
        (set_back, self.ahead_now())
    }

    fn ahead_now(&self) -> f64 {
        (self.clock.time(self.moment()).0 - TRUE.0 - self.passed * 1_000) as f64 / 1e3
    }

    fn standing(&self) -> Standing {
        self.clock.standing
    }
}

#[test]
fn a_wrong_clock_is_set_right_by_the_only_gateway_after_a_minute() {
    for ahead in [120.0, -120.0, DAYS as f64] {
        let mut bench = Bench::new(ahead, 1);
        assert_eq!((bench.run(1, 0, 60), bench.standing()), ((false, ahead), Standing::Doubted));
        assert!(!bench.clock.is_sure());
        assert_eq!(bench.run(1, 0, 1), (ahead > 0.0, 0.0));
        assert_eq!((bench.standing(), bench.clock.tally().skew_seconds), (Standing::Corrected, Some(ahead)));
        assert_eq!(bench.run(1, 0, 100), (false, 0.0));
    }
}

#[test]
fn two_gateways_that_agree_set_it_right_at_once() {
    let mut bench = Bench::new(120.0, 3);
    assert_eq!(bench.run(1, 0, 1), (false, 120.0));
    assert!(bench.clock.wants_another());
    assert_eq!(bench.run(2, 1, 1), (true, 1.0));
    assert!(!bench.clock.wants_another() && bench.clock.is_sure());
}

#[test]
fn a_gateway_that_is_wrong_alone_moves_nothing() {
    // The only one, one of two, and one of three, which is heard first and for long.
    for (known, others) in [(1, 0), (2, 1), (3, 2)] {
        let mut bench = Bench::new(0.0, known);
        assert_eq!(bench.run(9, DAYS, 1_000), (false, 0.0), "of {known}");
        assert_eq!(bench.standing(), Standing::Doubted);
        for port in 0..others {
            assert_eq!(bench.run(port, 0, 5), (false, 0.0), "of {known}");
        }
        let expected = if others == 0 { Standing::Doubted } else { Standing::Right };
        assert_eq!((bench.standing(), bench.clock.tally().corrected), (expected, false), "of {known}");
    }
}

#[test]
fn one_of_three_that_is_wrong_does_not_keep_a_wrong_clock_from_being_set_right() {
    let mut bench = Bench::new(3_600.0, 3);
    bench.run(9, DAYS, 5);
    assert_eq!(bench.run(1, 0, 1), (false, 3_600.0));
    assert!(bench.clock.wants_another());
    assert_eq!(bench.run(2, 0, 1), (true, 0.0));
}

#[test]
fn a_clock_that_is_mended_takes_time_nowhere_back() {
    for (ahead, rest) in [(120.0, 0.9), (120.0, -0.9), (-3_600.0, 0.9)] {
        let mut bench = Bench::new(ahead, 1);
        bench.run(1, 0, 61);
        let mut last = bench.clock.time(bench.moment());
        bench.ahead = rest;
        for _ in 0..30 {
            let (set_back, _) = bench.run(1, 0, 1);
            let time = bench.clock.time(bench.moment());
            assert!(!set_back && (850..=1_150).contains(&(time.0 - last.0)), "{last:?} {time:?}");
            last = time;
        }
        assert_eq!((bench.standing(), bench.ahead_now(), bench.clock.steps), (Standing::Right, rest, 1));
    }
}

#[test]
fn a_clock_that_was_just_set_is_not_known_to_be_right_until_somebody_says_so() {
    for step in [-214.0, 214.0] {
        let mut bench = Bench::new(0.0, 2);
        bench.run(1, 0, 30);
        assert!(bench.clock.is_sure());
        bench.ahead = step;
        bench.passed += 1;
        bench.clock.look(bench.moment(), 2);
        assert!(!bench.clock.is_sure(), "what lies in its future may be in nobody else's");
        bench.run(1, 0, 1);
        assert!(!bench.clock.is_sure(), "one gateway says that it is wrong");
        bench.run(2, 0, 1);
        assert!(bench.clock.is_sure());
    }
}

#[test]
fn a_clock_that_is_slewed_is_followed_until_it_is_right() {
    let mut bench = Bench::new(30.0, 1);
    bench.run(1, 0, 61);
    let mut last = bench.clock.time(bench.moment());
    for _ in 0..600 {
        bench.ahead = (bench.ahead - 0.0625).max(0.0);
        bench.run(1, 0, 1);
        let time = bench.clock.time(bench.moment());
        assert!((800..=1_200).contains(&(time.0 - last.0)), "{last:?} {time:?}");
        last = time;
    }
    assert_eq!((bench.standing(), bench.ahead_now(), bench.clock.steps), (Standing::Right, 0.0, 0));
}

#[test]
fn a_clock_that_is_set_wrong_is_set_right_again_by_what_is_said_after_that() {
    let mut bench = Bench::new(0.0, 1);
    bench.run(1, 0, 100);
    bench.ahead = 3_600.0;
    assert_eq!(bench.run(1, 0, 1), (true, 0.0));
    // As after a host's sleep that its clock since the boot has missed: the clock is right, and so is the gateway.
    let mut bench = Bench::new(0.0, 1);
    bench.run(1, 0, 100);
    bench.ahead = 3_600.0;
    bench.passed += 1;
    bench.clock.look(bench.moment(), 1);
    assert_eq!((bench.ahead_now(), bench.standing()), (3_600.0, Standing::Right));
    assert_eq!(bench.run(1, 3_600, 1), (false, 3_600.0));
    assert_eq!(bench.standing(), Standing::Right);
}

#[test]
fn a_correction_follows_the_gateways() {
    let mut bench = Bench::new(120.0, 1);
    bench.run(1, 0, 61);
    // The gateway's clock is mended by a little, and later by a lot, which takes a minute to be believed.
    assert_eq!(bench.run(1, 1, 100), (false, 1.0));
    assert_eq!(bench.run(1, -50, 60), (false, 1.0));
    assert_eq!(bench.run(1, -50, 1), (true, -50.0));
}

#[test]
fn a_time_from_before_the_program_was_written_says_nothing() {
    let mut bench = Bench::new(0.0, 1);
    bench.run(1, -DAYS * 1_000, 100);
    assert_eq!((bench.standing(), bench.clock.tally().skew_seconds), (Standing::Right, None));
    // A host without a battery for its clock.
    let mut bench = Bench::new(-1_800_000_000.0, 1);
    assert_eq!(bench.run(1, 0, 61), (false, 0.0));
}
