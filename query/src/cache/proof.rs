//! What speaks for a kept value: that nothing it was made of has changed, or, where a source cannot tell, that it is young.

use std::time::Duration;

use weir_sample::Timestamp;
use weir_store::Stamp;

use crate::cache::reads::{Doubt, Reads};
use crate::read::select::millis;
use crate::read::source::Source;

/// For how long values are kept that come from a source which cannot tell of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// Samples are taken for complete this long after their time; what looks at newer ones is not kept.
    pub settled_after: Duration,
    /// Values are kept this long.
    pub kept: Duration,
}

/// What speaks for the values of a run.
#[derive(Clone, Debug)]
pub(crate) enum Proof {
    /// The samples stand as they did.
    Stamp(Stamp),
    /// They are not older than `since`; those that were read last, at `now`. In milliseconds.
    Read { since: i64, now: i64, lifetime: Lifetime },
}

impl Proof {
    /// What speaks for values that are read from now on.
    pub(crate) fn now(
        source: &dyn Source,
        (start, end): (i64, i64),
        lifetime: Option<Lifetime>,
        now: Timestamp,
    ) -> Result<Self, Doubt> {
        if let Some(stamp) = source.stamp(Timestamp(start), Timestamp(end)) {
            return Ok(Self::Stamp(stamp));
        }
        // A source that can tell says nothing of what is longer than it keeps track of.
        let can_tell = source.stamp(Timestamp(end), Timestamp(end)).is_some();
        match lifetime {
            _ if can_tell => Err(Doubt::Long),
            Some(lifetime) => Ok(Self::Read { since: now.millis(), now: now.millis(), lifetime }),
            None => Err(Doubt::Untold),
        }
    }

    /// Which of some steps, in order of time, are as they were at an earlier proof.
    pub(crate) fn standing(&self, earlier: &Self, reads: &Reads<'_>, steps: impl Iterator<Item = i64>) -> Vec<bool> {
        match (self, earlier) {
            (Self::Stamp(now), Self::Stamp(then)) => {
                // Until which window none has changed since the first that was looked at: each is looked at once.
                let (mut next, mut changed) = (i64::MIN, i64::MIN);
                let step = |at: i64| {
                    let (start, end) = reads.span(at, at);
                    let (first, last) = (now.window_of(start), now.window_of(end));
                    for window in next.max(first)..=last {
                        if !now.stands(then, window) {
                            changed = window;
                        }
                    }
                    next = next.max(last.saturating_add(1));
                    changed < first
                };
                steps.map(step).collect()
            }
            (Self::Read { now, lifetime, .. }, Self::Read { since, .. }) => {
                let is_young = (0..millis(lifetime.kept)).contains(&now.saturating_sub(*since));
                steps.map(|at| is_young && self.may_keep(reads, at)).collect()
            }
            _ => steps.map(|_| false).collect(),
        }
    }

    /// Whether the value of a step may be kept.
    pub(crate) fn may_keep(&self, reads: &Reads<'_>, at: i64) -> bool {
        match self {
            Self::Stamp(_) => true,
            Self::Read { now, lifetime, .. } => {
                reads.span(at, at).1 <= now.saturating_sub(millis(lifetime.settled_after))
            }
        }
    }

    /// What speaks for values of which some were read at an earlier proof and stand.
    pub(crate) fn with(self, earlier: &Self) -> Self {
        match (self, earlier) {
            (Self::Read { since, now, lifetime }, Self::Read { since: then, .. }) => {
                Self::Read { since: since.min(*then), now, lifetime }
            }
            (now, _) => now,
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        if let Self::Stamp(stamp) = self { stamp.heap_bytes() } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::parse;

    #[test]
    fn a_lifetime_is_from_the_first_reading_and_spares_what_is_new() {
        let seconds = Duration::from_secs;
        let lifetime = Lifetime { settled_after: seconds(600), kept: seconds(3_600) };
        let read = |at: i64| Proof::Read { since: at * 1_000, now: at * 1_000, lifetime };
        let expr = parse("x offset -1m").unwrap();
        let reads = Reads::of(&expr, 300_000).unwrap();
        assert!(read(1_000).may_keep(&reads, 340_000) && !read(1_000).may_keep(&reads, 341_000));
        let stands = |now: &Proof, then: &Proof| now.standing(then, &reads, [340_000, 2_000_000].into_iter());
        assert_eq!(stands(&read(1_500), &read(1_000)), [true, false]);
        assert_eq!(stands(&read(4_599), &read(1_000)), [true, true]);
        assert_eq!(stands(&read(4_600), &read(1_000)), [false, false]);
        let grown = read(4_000).with(&read(1_000));
        assert_eq!(stands(&read(4_600), &grown), [false, false], "some of it was read at 1,000");
    }
}
