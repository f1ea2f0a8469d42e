//! When a group is evaluated: at instants that its interval and its name fix for ever.

mod slow;

pub(super) use slow::Slow;

/// The instants of one group, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    interval: i64,
    /// Keeps groups of one interval apart, so that they do not all come at once.
    offset: i64,
}

/// What is next for a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing yet.
    Wait,
    /// An evaluation at this instant.
    Evaluate(i64),
    /// An evaluation at this instant, and so many before it are left out.
    Skip {
        /// The first that is left out.
        from: i64,
        /// The next that is evaluated.
        at: i64,
        /// Those left out.
        count: u64,
    },
    /// The clock was set back so far behind the last evaluation that the group begins anew here.
    Anew(i64),
}

/// Evaluations that were that far ahead of the clock were made before it was set back. By less it is waited for.
const SET_BACK_MS: i64 = 60_000;

impl Schedule {
    pub(crate) fn new(key: &str, interval_ms: i64) -> Self {
        let interval = interval_ms.max(1);
        let hash = key
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        // FNV's low bits mix little.
        let offset = ((hash >> 20) % interval as u64) as i64;
        Self { interval, offset }
    }

    /// Instants at multiples of the interval.
    pub(crate) fn aligned(interval_ms: i64) -> Self {
        Self { interval: interval_ms.max(1), offset: 0 }
    }

    pub(crate) fn interval(self) -> i64 {
        self.interval
    }

    /// The last instant that is not after `at`.
    pub(crate) fn at_or_before(self, at: i64) -> i64 {
        at - (at - self.offset).rem_euclid(self.interval)
    }

    /// What is next at `now` after an evaluation at `last`, if evaluations may reach up to `limit` and be behind it by
    /// `catch_up`.
    pub(crate) fn next(self, last: Option<i64>, now: i64, limit: i64, catch_up: i64) -> Next {
        let newest = self.at_or_before(limit);
        let Some(last) = last else { return Next::Evaluate(newest) };
        if last - now > SET_BACK_MS {
            return Next::Anew(newest);
        }
        let next = self.at_or_before(last) + self.interval;
        if next > newest {
            return Next::Wait;
        }
        let oldest = self.at_or_before(limit - catch_up - 1) + self.interval;
        if next < oldest {
            return Next::Skip { from: next, at: oldest, count: ((oldest - next) / self.interval) as u64 };
        }
        Next::Evaluate(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Schedule = Schedule { interval: 10, offset: 3 };

    #[test]
    fn instants_are_aligned_and_in_order() {
        let check = |last: Option<i64>, limit: i64, expected: Next| {
            assert_eq!(TEN.next(last, limit, limit, 40), expected, "after {last:?} up to {limit}");
        };
        check(None, 100, Next::Evaluate(93));
        check(Some(93), 100, Next::Wait);
        check(Some(93), 103, Next::Evaluate(103));
        check(Some(93), 130, Next::Evaluate(103));
        check(Some(95), 130, Next::Evaluate(103));
        check(Some(93), 143, Next::Evaluate(103));
        check(Some(93), 153, Next::Skip { from: 103, at: 113, count: 1 });
        check(Some(93), 1_000, Next::Skip { from: 103, at: 963, count: 86 });
        check(Some(93), 60, Next::Wait);
        check(Some(60_093), 93, Next::Wait);
        check(Some(60_103), 93, Next::Anew(93));
        // Data that are far behind, as after a restart, are no clock.
        assert_eq!(TEN.next(Some(600_003), 600_100, 93, 40), Next::Wait);
    }

    #[test]
    fn groups_of_one_interval_are_apart_and_stay_where_they_are() {
        let offsets: Vec<i64> = (0..100).map(|n| Schedule::new(&format!("f;{n}"), 15_000).offset).collect();
        assert!(offsets.iter().filter(|offset| **offset < 7_500).count() > 25, "{offsets:?}");
        assert!(offsets.iter().filter(|offset| **offset >= 7_500).count() > 25, "{offsets:?}");
        assert_eq!(Schedule::new("f;1", 15_000), Schedule::new("f;1", 15_000));
    }
}
