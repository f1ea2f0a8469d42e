//! The watermark: until when the data of all live senders have been applied, by tenant and pool.
//!
//! A sender that does not get on is waited for for a while, then left out, counted and reported until it is back. So is one
//! that gets on but stays behind its pool. A pool that is behind as a whole, as after an outage of the servers, is waited for.
//!
//! Waiting is measured in *attended* time, in which the sink was there to hear: when it stood still, or its clock leapt,
//! nobody was silent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use weir_sample::Timestamp;

use crate::senders::Senders;
use crate::senders::marks::{MOST_NAMED, Mark, Watermarks};
use crate::senders::progress::{Progress, Standing};

/// Makes watermarks, told the time.
pub(crate) struct Keeper {
    /// How long a sender is waited for past its next window; `None`: two of its windows.
    wait: Option<Duration>,
    attended: Duration,
    looked: Option<Timestamp>,
    groups: Vec<Group>,
    now: Watermarks,
    /// Windows of shared series that end by then have all their parts.
    parts_until: Timestamp,
}

/// A pool of a tenant.
struct Group {
    tenant: u32,
    pool: Arc<str>,
    /// Until when half of its senders were applied at the last look.
    reference: Timestamp,
    applied: Vec<Timestamp>,
    mark: Mark,
}

/// Time between two looks …
const EVERY: Duration = Duration::from_millis(500);
/// … and at least so long for each sender, so that looking takes its percent of a core and no more.
const EVERY_PER_SENDER: Duration = Duration::from_micros(10);
/// The most that counts as attended from one look to the next.
const LEAP: Duration = Duration::from_secs(2);
/// Interval of senders that have told none.
const INTERVAL: Duration = Duration::from_secs(10);
/// The furthest that a watermark is behind the clock; who is further is not waited for.
const FURTHEST: Duration = Duration::from_secs(3_600);
/// Silence about shared series after which a sender's windows do not keep theirs open.
const PARTS: Duration = Duration::from_secs(600);
/// How long windows of shared series stay open after a start for as long as their lateness has it …
const STARTING: Duration = Duration::from_secs(60);
/// … and how long at least after that, for the first parts of senders that are new.
const SETTLING: Duration = Duration::from_secs(1);

impl Keeper {
    pub(crate) fn new(wait: Option<Duration>) -> Self {
        Self {
            wait,
            attended: Duration::ZERO,
            looked: None,
            groups: Vec::new(),
            now: Watermarks::default(),
            parts_until: Timestamp::default(),
        }
    }

    /// The time for [`Progress`].
    pub(crate) fn attended(&self) -> Duration {
        self.attended
    }

    #[cfg(test)]
    pub(crate) fn now(&self) -> &Watermarks {
        &self.now
    }

    /// Windows of shared series that end by then have the parts of all who send some.
    pub(crate) fn parts_until(&self) -> Timestamp {
        self.parts_until
    }

    /// As of the last look, with windows of shared series that are not written yet, the earliest of which ends at `open`.
    pub(crate) fn published(&self, open: Option<Timestamp>) -> Watermarks {
        let complete_to = open.map_or(self.now.complete_to, |end| self.now.complete_to.min(before(end)));
        Watermarks { complete_to, ..self.now.clone() }
    }

    /// Looks at every sender if it is time to; true if it was. `clock` is what the sink has come to in the queue, or the
    /// time of day if it has read it all.
    pub(crate) fn look(&mut self, clock: Timestamp, senders: &mut Senders) -> bool {
        let every = EVERY.max(EVERY_PER_SENDER * senders.len() as u32);
        if self.looked.is_some_and(|before| !clock.is_due(before, every)) {
            return false;
        }
        let passed = self.looked.map_or(Duration::ZERO, |before| clock.since(before));
        self.looked = Some(clock);
        self.attended += passed.min(LEAP);
        let (mut parts, mut left_out) = (clock, BTreeMap::<u32, Vec<Arc<str>>>::new());
        let mut next_end: Option<Timestamp> = None;
        for (_, agent) in senders.agents_mut().filter(|(_, agent)| agent.progress.has_begun()) {
            let at = agent.progress.group.unwrap_or_else(|| self.group(agent.tenant, &agent.pool));
            agent.progress.group = Some(at);
            self.judge(&mut agent.progress, clock, self.groups[at].reference);
            let (progress, group) = (&agent.progress, &mut self.groups[at]);
            match progress.standing {
                Standing::Unknown | Standing::Gone => {}
                Standing::Live => {
                    group.applied.push(progress.applied().min(clock));
                    let next = progress.applied().plus(interval_of(progress));
                    next_end = Some(next_end.map_or(next, |end| end.min(next)));
                    if clock.since(agent.parts_at) < PARTS {
                        parts = parts.min(progress.applied());
                    }
                }
                Standing::LeftOut => {
                    group.mark.left_out += 1;
                    let hosts = left_out.entry(agent.tenant).or_default();
                    if hosts.len() < MOST_NAMED {
                        hosts.push(agent.host.clone());
                    }
                }
            }
        }
        self.publish(clock, next_end, left_out);
        // Who else sends parts is not known at first, and of a new sender never.
        if self.attended >= STARTING {
            self.parts_until = self.parts_until.min(clock).max(parts.min(clock.minus(SETTLING)));
        }
        true
    }

    fn group(&mut self, tenant: u32, pool: &Arc<str>) -> usize {
        let known = self.groups.iter().position(|group| group.tenant == tenant && group.pool == *pool);
        known.unwrap_or_else(|| {
            let (pool, applied) = (pool.clone(), Vec::new());
            self.groups.push(Group { tenant, pool, reference: Timestamp::default(), applied, mark: Mark::default() });
            self.groups.len() - 1
        })
    }

    fn patience(&self, progress: &Progress) -> Duration {
        let interval = interval_of(progress);
        interval + self.wait.unwrap_or(2 * interval)
    }

    fn is_stuck(&self, progress: &Progress) -> bool {
        progress.stuck(self.attended) > self.patience(progress)
    }

    fn judge(&self, progress: &mut Progress, clock: Timestamp, reference: Timestamp) {
        if self.is_stuck(progress) {
            // What is missing of it went with a spool; or it is silent, and then nothing changes.
            progress.pass_over(self.attended);
        }
        let is_behind = reference.min(clock).since(progress.applied()) > self.patience(progress);
        let is_far = clock.since(progress.applied()) > FURTHEST;
        progress.standing = match () {
            () if progress.is_gone() => Standing::Gone,
            () if self.is_stuck(progress) || is_behind || is_far => Standing::LeftOut,
            () => Standing::Live,
        };
    }

    /// `next_end` is the earliest end of a window that a live sender is still at.
    fn publish(&mut self, clock: Timestamp, next_end: Option<Timestamp>, left_out: BTreeMap<u32, Vec<Arc<str>>>) {
        // Where nobody is waited for, what is on its way has the time that anyone would have.
        let idle = clock.minus(INTERVAL + self.wait.unwrap_or(2 * INTERVAL));
        let mut marks = BTreeMap::new();
        for Group { tenant, pool, reference, applied, mark } in &mut self.groups {
            mark.live = applied.len() as u64;
            let lowest = applied.iter().min().copied().unwrap_or(idle);
            mark.until = mark.until.min(clock).max(lowest.min(clock));
            if !applied.is_empty() {
                let half = applied.len() / 2;
                *reference = *applied.select_nth_unstable(half).1;
            }
            applied.clear();
            if mark.live + mark.left_out > 0 {
                marks.insert((*tenant, pool.clone()), *mark);
            }
            mark.left_out = 0;
        }
        // What has passed does not come back; what lies ahead of a clock that was set back was never known.
        let idle = idle.max(self.now.idle.min(clock));
        let complete_to = next_end.map_or(idle, before);
        let complete_to = complete_to.max(self.now.complete_to.min(clock));
        self.now = Watermarks { marks, idle, complete_to, left_out };
    }
}

fn interval_of(progress: &Progress) -> Duration {
    if progress.interval().is_zero() { INTERVAL } else { progress.interval() }
}

/// The last instant before one.
fn before(end: Timestamp) -> Timestamp {
    end.minus(Duration::from_millis(1))
}

#[cfg(test)]
mod tests {
    use weir_sample::Window;
    use weir_wire::{AgentId, SenderId};

    use super::*;

    /// Senders with windows of ten seconds, and a clock moved by hand.
    struct Fleet {
        senders: Senders,
        keeper: Keeper,
        clock: i64,
    }

    const START: i64 = 1_700_000_000;

    impl Fleet {
        fn new() -> Self {
            Self { senders: Senders::default(), keeper: Keeper::new(None), clock: 0 }
        }

        /// A sender's window that ends then is applied whole.
        fn apply(&mut self, sender: u8, end: i64) {
            self.apply_in(sender, end, 10_000);
        }

        fn apply_in(&mut self, sender: u8, end: i64, interval_ms: u32) {
            let agent = self.senders.entry(SenderId { tenant: 0, agent: AgentId([sender; 16]) });
            let window = Window::ending(Timestamp::from_secs(START + end), interval_ms);
            agent.progress.observe(window, 0, 0, self.keeper.attended());
            agent.parts_at = Timestamp::from_secs(START + self.clock);
        }

        /// Time goes by, a second at a time.
        fn pass(&mut self, until: i64) {
            while self.clock < until {
                self.clock += 1;
                self.keeper.look(Timestamp::from_secs(START + self.clock), &mut self.senders);
            }
        }

        /// Until when, and how many are left out.
        fn check(&self, until: i64, left_out: u64) {
            let now = self.keeper.now();
            assert_eq!(
                (now.of(0).millis() / 1_000 - START, now.left_out_of(0)),
                (until, left_out),
                "at {}",
                self.clock
            );
        }
    }

    #[test]
    fn samples_are_complete_to_just_before_the_end_of_the_earliest_window_that_is_open() {
        let mut fleet = Fleet::new();
        assert_eq!(fleet.keeper.now().complete_to, Timestamp::default(), "nothing is known before the first look");
        let check = |fleet: &Fleet, open: Option<i64>, ms: i64| {
            let open = open.map(|end| Timestamp::from_secs(START + end));
            assert_eq!(fleet.keeper.published(open).complete_to.millis() - START * 1_000, ms, "at {}", fleet.clock);
        };
        fleet.pass(10);
        check(&fleet, None, -20_000);
        fleet.apply(1, 10);
        fleet.pass(11);
        // The window that ends at 20 has its samples at 20, and those at 10 are there.
        check(&fleet, None, 19_999);
        fleet.apply_in(2, 12, 1_000);
        fleet.pass(12);
        check(&fleet, None, 12_999);
        fleet.apply_in(2, 13, 1_000);
        fleet.pass(13);
        check(&fleet, None, 13_999);
        // A window of shared series that all have passed is there once it is written.
        check(&fleet, Some(10), 9_999);
        check(&fleet, Some(20), 13_999);
        // The second falls silent: it is waited for, then not, and no longer counts.
        fleet.pass(14);
        check(&fleet, None, 13_999);
        fleet.pass(17);
        check(&fleet, None, 19_999);
    }

    #[test]
    fn a_pool_of_silent_senders_alone_holds_no_other_up() {
        let mut fleet = Fleet::new();
        fleet.pass(9);
        fleet.apply(1, 10);
        let lone = fleet.senders.entry(SenderId { tenant: 7, agent: AgentId([9; 16]) });
        lone.tenant = 7;
        lone.progress.observe(Window::ending(Timestamp::from_secs(START), 10_000), 0, 0, Duration::ZERO);
        for turn in 2..=8 {
            fleet.pass(10 * turn - 1);
            fleet.apply(1, 10 * turn);
        }
        fleet.pass(81);
        assert_eq!(
            (fleet.keeper.now().left_out_of(7), fleet.keeper.now().of(0)),
            (1, Timestamp::from_secs(START + 80))
        );
        assert_eq!(fleet.keeper.now().complete_to.millis(), (START + 90) * 1_000 - 1);
    }

    #[test]
    fn one_silent_sender_is_waited_for_and_then_holds_nothing_up() {
        let mut fleet = Fleet::new();
        for turn in 1..=10 {
            fleet.pass(10 * turn);
            (1..=3).filter(|sender| *sender != 3 || turn <= 5).for_each(|sender| fleet.apply(sender, 10 * turn));
            fleet.pass(10 * turn + 1);
            match turn {
                1..=5 => fleet.check(10 * turn, 0),
                6..=7 => fleet.check(50, 0),
                _ => fleet.check(10 * turn, 1),
            }
        }
        // It comes back with the oldest it has, which is late; nothing goes back, and nothing waits for that.
        fleet.apply(3, 60);
        fleet.pass(102);
        fleet.check(100, 1);
        fleet.apply(3, 100);
        fleet.pass(103);
        fleet.check(100, 0);
    }

    #[test]
    fn a_fleet_that_is_behind_as_a_whole_is_waited_for_and_a_straggler_is_not() {
        let mut fleet = Fleet::new();
        fleet.pass(9);
        (1..=4).for_each(|sender| fleet.apply(sender, 10));
        // Nobody could be heard for ten minutes: that is not their silence.
        fleet.clock = 609;
        for turn in 2..=30 {
            fleet.pass(608 + turn);
            (1..=3).for_each(|sender| fleet.apply(sender, 10 * turn));
            if turn % 10 == 0 {
                fleet.apply(4, turn);
            }
        }
        fleet.pass(640);
        fleet.check(300, 1);
    }

    #[test]
    fn where_nobody_sends_time_goes_on_and_a_goodbye_ends_the_wait() {
        let mut fleet = Fleet::new();
        fleet.pass(100);
        fleet.check(70, 0);
        (1..=2).for_each(|sender| fleet.apply(sender, 100));
        fleet.pass(101);
        fleet.check(100, 0);
        let leaving = fleet.senders.entry(SenderId { tenant: 0, agent: AgentId([2; 16]) });
        leaving.progress.say_goodbye(Timestamp::from_secs(START + 100));
        fleet.pass(111);
        fleet.apply(1, 110);
        fleet.pass(112);
        fleet.check(110, 0);
    }

    #[test]
    fn windows_of_shared_series_close_when_all_who_send_parts_have_passed_them() {
        let mut fleet = Fleet::new();
        for turn in 1..=9 {
            fleet.pass(10 * turn);
            (1..=2).filter(|sender| *sender == 1 || turn < 9).for_each(|sender| fleet.apply(sender, 10 * turn));
        }
        fleet.pass(92);
        assert_eq!(fleet.keeper.parts_until(), Timestamp::from_secs(START + 80), "the second has not passed 90");
        fleet.apply(2, 90);
        fleet.pass(93);
        assert_eq!(fleet.keeper.parts_until(), Timestamp::from_secs(START + 90));
    }
}
