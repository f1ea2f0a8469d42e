//! What gateways say of the time, and whom to believe.
//!
//! An ack is at most as old as its way back took, never younger: of several the one that seems latest says most. The round trip
//! is of no use here, since most of it is the gateway's disk, and that is over when the gateway looks at its clock.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use weir_sample::Timestamp;

/// The gateways that were heard of late.
#[derive(Debug, Default)]
pub(super) struct Witnesses(Vec<Witness>);

/// What one gateway said, as its time when this host booted, in milliseconds: the host's own clock may be set meanwhile.
#[derive(Debug)]
struct Witness {
    gateway: SocketAddr,
    /// Since when it says the same, how often it did, and the latest of that.
    since: Duration,
    count: u32,
    recent: VecDeque<(Duration, i64)>,
}

/// What is known of the time, as that of the boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// No gateway was heard.
    Silent,
    /// One says so, not for long enough to be believed.
    Said(i64),
    /// The only one says so again and again.
    Alone(i64),
    /// Two agree, or more of them than on anything else.
    Agreed(i64),
    /// Gateways say different things.
    Disputed,
}

/// Gateways that agree are no further apart.
pub(super) const AGREE: Duration = Duration::from_secs(2);
/// What a gateway said so long ago counts no more.
const FRESH: Duration = Duration::from_secs(600);
/// How often, and for how long, the only gateway must have said the same …
const ACKS: u32 = 10;
const ALONE: Duration = Duration::from_secs(60);
/// … and where there are others that do not answer.
const ALONE_OF_SEVERAL: Duration = Duration::from_secs(300);
/// Gateways remembered.
const MAX_GATEWAYS: usize = 8;

impl Witnesses {
    /// Notes what an ack said that came so long after the boot.
    pub(super) fn hear(&mut self, gateway: SocketAddr, server: Timestamp, at: Duration) {
        let booted = server.millis() - at.as_millis() as i64;
        let place = self.0.iter().position(|witness| witness.gateway == gateway).unwrap_or_else(|| {
            if self.0.len() == MAX_GATEWAYS {
                self.0.sort_by_key(|witness| std::cmp::Reverse(witness.last()));
                self.0.pop();
            }
            self.0.push(Witness { gateway, since: at, count: 0, recent: VecDeque::new() });
            self.0.len() - 1
        });
        self.0[place].hear(booted, at);
    }

    /// What one of them says that holds this time of the boot to be right.
    pub(super) fn supporter(&self, at: Duration, after: Duration, booted: i64) -> Option<i64> {
        self.fresh(at, after).map(Witness::booted).find(|said| agree(*said, booted))
    }

    fn fresh(&self, at: Duration, after: Duration) -> impl Iterator<Item = &Witness> {
        self.0.iter().filter(move |witness| witness.last() >= after && at.saturating_sub(witness.last()) <= FRESH)
    }

    /// Whom to believe, of those heard after this time; `known` gateways are there.
    pub(super) fn verdict(&self, at: Duration, after: Duration, known: usize) -> Verdict {
        let fresh: Vec<&Witness> = self.fresh(at, after).collect();
        match fresh[..] {
            [] => Verdict::Silent,
            [one] if one.is_steady(known) => Verdict::Alone(one.booted()),
            [one] => Verdict::Said(one.booted()),
            _ => agreement(&fresh),
        }
    }
}

/// The largest group that agrees, if no other is as large.
fn agreement(witnesses: &[&Witness]) -> Verdict {
    let group = |of: &Witness| {
        let with = witnesses.iter().map(|witness| witness.booted()).filter(|booted| agree(*booted, of.booted()));
        let with: Vec<i64> = with.collect();
        (with.len(), with.into_iter().max().unwrap_or_default())
    };
    let groups: Vec<(usize, i64)> = witnesses.iter().map(|witness| group(witness)).collect();
    let (most, booted) = groups.iter().copied().max().unwrap_or_default();
    let rival = groups.iter().any(|(size, other)| *size == most && !agree(*other, booted));
    if most < 2 || rival { Verdict::Disputed } else { Verdict::Agreed(booted) }
}

fn agree(one: i64, other: i64) -> bool {
    one.abs_diff(other) <= AGREE.as_millis() as u64
}

impl Witness {
    fn hear(&mut self, booted: i64, at: Duration) {
        if !self.recent.is_empty() && !agree(booted, self.booted()) {
            // Its clock was set, or there are several behind one address: it has to begin again.
            self.recent.clear();
            (self.since, self.count) = (at, 0);
        }
        if self.recent.len() == ACKS as usize {
            self.recent.pop_front();
        }
        self.recent.push_back((at, booted));
        self.count = self.count.saturating_add(1);
    }

    fn booted(&self) -> i64 {
        self.recent.iter().map(|(_, booted)| *booted).max().unwrap_or_default()
    }

    fn last(&self) -> Duration {
        self.recent.back().map_or(Duration::ZERO, |(at, _)| *at)
    }

    fn is_steady(&self, known: usize) -> bool {
        let least = if known > 1 { ALONE_OF_SEVERAL } else { ALONE };
        self.count >= ACKS && self.last().saturating_sub(self.since) >= least
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: i64 = 1_800_000_000_000;

    /// What is believed after each gateway, by its port, has told for so many seconds, once a second, a time that is so many
    /// seconds ahead.
    fn check(told: &[(u16, u64, i64)], known: usize, expected: Verdict) {
        let (mut witnesses, mut at) = (Witnesses::default(), Duration::from_secs(5));
        for (port, seconds, ahead) in told {
            for _ in 0..*seconds {
                let server = Timestamp(BOOT + at.as_millis() as i64 + ahead * 1_000);
                witnesses.hear(SocketAddr::from(([127, 0, 0, 1], *port)), server, at);
                at += Duration::from_secs(1);
            }
        }
        assert_eq!(witnesses.verdict(at, Duration::ZERO, known), expected, "{told:?} of {known}");
    }

    #[test]
    fn one_is_believed_after_a_minute_and_two_at_once() {
        use Verdict::{Agreed, Alone, Disputed, Said, Silent};
        let days = 10 * 86_400;
        check(&[], 1, Silent);
        check(&[(1, 1, 7)], 1, Said(BOOT + 7_000));
        check(&[(1, 60, 7)], 1, Said(BOOT + 7_000));
        check(&[(1, 61, 7)], 1, Alone(BOOT + 7_000));
        check(&[(1, 61, 7)], 2, Said(BOOT + 7_000));
        check(&[(1, 301, 7)], 2, Alone(BOOT + 7_000));
        // Two behind one address, or one that was set.
        check(&[(1, 60, 7), (1, 1, 0), (1, 1, 7)], 1, Said(BOOT + 7_000));
        check(&[(1, 1, 0), (2, 1, 2)], 2, Agreed(BOOT + 2_000));
        check(&[(1, 1, 0), (2, 1, 3)], 2, Disputed);
        check(&[(1, 301, days), (2, 1, 0)], 2, Disputed);
        check(&[(1, 301, days), (2, 1, 0), (3, 1, 0)], 3, Agreed(BOOT));
        check(&[(1, 1, days), (2, 1, 0), (3, 1, 0), (4, 1, days)], 4, Disputed);
    }

    #[test]
    fn acks_that_were_held_up_on_their_way_say_nothing() {
        let (mut witnesses, gateway) = (Witnesses::default(), SocketAddr::from(([127, 0, 0, 1], 1)));
        for (second, late_ms) in [400, 3, 900, 20, 1_500].into_iter().enumerate() {
            let at = Duration::from_secs(second as u64);
            witnesses.hear(gateway, Timestamp(BOOT + at.as_millis() as i64 - late_ms), at);
        }
        assert_eq!(witnesses.verdict(Duration::from_secs(5), Duration::ZERO, 1), Verdict::Said(BOOT - 3));
    }

    #[test]
    fn the_gateways_remembered_are_those_heard_last() {
        let mut witnesses = Witnesses::default();
        for port in 1..40 {
            let at = Duration::from_secs(u64::from(port));
            witnesses.hear(SocketAddr::from(([127, 0, 0, 1], port)), Timestamp(BOOT), at);
        }
        assert_eq!(witnesses.0.len(), MAX_GATEWAYS);
        assert!(witnesses.0.iter().all(|witness| witness.gateway.port() > 31));
    }

    #[test]
    fn what_was_said_before_the_clock_was_set_or_long_ago_counts_no_more() {
        let (mut witnesses, at) = (Witnesses::default(), Duration::from_secs(100));
        witnesses.hear(SocketAddr::from(([127, 0, 0, 1], 1)), Timestamp(BOOT), at);
        let said = Verdict::Said(BOOT - 100_000);
        assert_eq!(witnesses.verdict(at + FRESH, Duration::ZERO, 1), said);
        assert_eq!(witnesses.verdict(at + 2 * FRESH, Duration::ZERO, 1), Verdict::Silent);
        assert_eq!(witnesses.verdict(at, at + Duration::from_secs(1), 1), Verdict::Silent);
    }
}
