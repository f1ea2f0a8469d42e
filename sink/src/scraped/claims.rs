//! Which windows of which targets are stored.
//!
//! Targets are remembered as senders are (`crate::senders` has the argument): one that is silent for long is forgotten, and of one
//! that comes back nothing is stored that may have been before. A collector gives up on a look after an hour, so that two are
//! enough.

use std::collections::HashMap;
use std::time::Duration;

use weir_sample::Timestamp;
use weir_wire::{AgentId, Seen, SeenWindow, SenderId};

use super::form::{Outcome, Scrape};

/// Windows by target.
#[derive(Default)]
pub(crate) struct Claims {
    targets: HashMap<SenderId, Target>,
    /// The latest time at which anyone forgotten was heard.
    forgotten: Timestamp,
    swept: Timestamp,
}

/// What is stored of a target.
#[derive(Clone, Debug, Default, PartialEq)]
struct Target {
    /// Numbers of windows that are stored.
    stored: SeenWindow,
    /// Those of them in which nobody has reached it yet, the newest last.
    failed: Vec<u64>,
    /// Time of the newest look that is stored.
    newest: Timestamp,
    /// When it was last heard of.
    heard: Timestamp,
    /// Windows until then may have been stored before it was forgotten.
    doubtful_until: Timestamp,
}

/// What becomes of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It is the window's.
    Taken,
    /// Another is.
    Stored,
    /// Nobody knows any more.
    TooOld,
}

/// Time between two looks at everyone.
const SWEEP: Duration = Duration::from_secs(60);
/// Failures remembered of a target, in case that another collector has reached it.
const MOST_FAILED: usize = 16;

impl Claims {
    /// Claims a window for a look that was received at some time.
    pub(crate) fn claim(&mut self, target: SenderId, scrape: Scrape, received: Timestamp) -> Claim {
        let doubtful_until = self.forgotten;
        let new = || Target { doubtful_until, ..Target::default() };
        let target = self.targets.entry(target).or_insert_with(new);
        if scrape.time <= target.doubtful_until {
            return Claim::TooOld;
        }
        target.heard = target.heard.max(received).max(scrape.time);
        target.claim(scrape)
    }

    /// Once a minute, forgets targets that were silent for longer than `most`.
    pub(crate) fn sweep(&mut self, now: Timestamp, most: Duration) {
        if !now.is_due(self.swept, SWEEP) {
            return;
        }
        self.swept = now;
        let forgotten = &mut self.forgotten;
        self.targets.retain(|_, target| {
            let stays = now.since(target.heard) <= most;
            if !stays {
                *forgotten = (*forgotten).max(target.heard);
            }
            stays
        });
    }

    /// Appends all, for a checkpoint.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.forgotten.0.to_le_bytes());
        for (id, target) in &self.targets {
            out.extend(id.tenant.to_le_bytes());
            out.extend(id.agent.0);
            [target.newest, target.heard, target.doubtful_until]
                .iter()
                .for_each(|time| out.extend(time.0.to_le_bytes()));
            out.push(target.failed.len() as u8);
            target.failed.iter().for_each(|number| out.extend(number.to_le_bytes()));
            let stored = target.stored.encode();
            out.extend((stored.len() as u32).to_le_bytes());
            out.extend(stored);
        }
    }

    /// Reads what [`Claims::encode`] wrote.
    pub(crate) fn decode(mut input: &[u8]) -> Option<Self> {
        let input = &mut input;
        let mut claims = Self { forgotten: time(input)?, ..Self::default() };
        while !input.is_empty() {
            let id = SenderId { tenant: u32::from_le_bytes(array(input)?), agent: AgentId(array(input)?) };
            let mut target =
                Target { newest: time(input)?, heard: time(input)?, doubtful_until: time(input)?, ..Target::default() };
            let [failed] = array(input)?;
            for _ in 0..failed {
                target.failed.push(u64::from_le_bytes(array(input)?));
            }
            let length = u32::from_le_bytes(array(input)?) as usize;
            let (stored, rest) = input.split_at_checked(length)?;
            target.stored = SeenWindow::decode(stored).ok()?;
            *input = rest;
            claims.targets.insert(id, target);
        }
        Some(claims)
    }
}

impl Target {
    fn claim(&mut self, scrape: Scrape) -> Claim {
        if scrape.outcome == Outcome::Gone {
            // An end is no look: it ends what is stored, and nothing that came since.
            return if scrape.time > self.newest { Claim::Taken } else { Claim::Stored };
        }
        let number = scrape.number();
        let failed = self.failed.iter().position(|other| *other == number);
        match (self.stored.admit(number), scrape.outcome) {
            (Seen::New, Outcome::Failed) => {
                if self.failed.len() == MOST_FAILED {
                    self.failed.remove(0);
                }
                self.failed.push(number);
            }
            (Seen::New, _) => {}
            (Seen::Duplicate, Outcome::Seen) if failed.is_some() => self.failed.retain(|other| *other != number),
            (Seen::Duplicate, _) => return Claim::Stored,
        }
        self.newest = self.newest.max(scrape.time);
        Claim::Taken
    }
}

fn array<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (array, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(*array)
}

fn time(input: &mut &[u8]) -> Option<Timestamp> {
    array(input).map(|bytes| Timestamp(i64::from_le_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Claim::{Stored, Taken, TooOld};
    use Outcome::{Failed, Gone, Seen};

    const TARGET: SenderId = SenderId { tenant: 3, agent: AgentId([7; 16]) };

    fn claim(claims: &mut Claims, seconds: i64, outcome: Outcome) -> Claim {
        let time = Timestamp::from_secs(seconds);
        claims.claim(TARGET, Scrape { time, interval_ms: 10_000, outcome }, time)
    }

    #[test]
    fn a_window_is_stored_once_in_whatever_order() {
        let mut claims = Claims::default();
        for (seconds, expected) in [
            (1_003, Taken),
            (1_003, Stored),
            (1_007, Stored),
            (1_043, Taken),
            (1_023, Taken),
            (1_023, Stored),
            (1_033, Taken),
        ] {
            assert_eq!(claim(&mut claims, seconds, Seen), expected, "{seconds}");
        }
        let other = SenderId { tenant: 4, ..TARGET };
        let scrape = Scrape { time: Timestamp::from_secs(1_003), interval_ms: 10_000, outcome: Seen };
        assert_eq!(claims.claim(other, scrape, scrape.time), Taken, "another tenant's target is another");
    }

    #[test]
    fn whoever_reached_the_target_stands_over_who_did_not() {
        let mut claims = Claims::default();
        for (outcome, expected) in [(Failed, Taken), (Failed, Stored), (Seen, Taken), (Seen, Stored), (Failed, Stored)]
        {
            assert_eq!(claim(&mut claims, 1_003, outcome), expected, "{outcome:?}");
        }
        assert_eq!(claim(&mut claims, 1_013, Seen), Taken);
        assert_eq!(claim(&mut claims, 1_013, Failed), Stored);
    }

    #[test]
    fn an_end_stands_only_behind_all_looks() {
        let mut claims = Claims::default();
        assert_eq!(claim(&mut claims, 1_013, Seen), Taken);
        assert_eq!(claim(&mut claims, 1_012, Gone), Stored);
        assert_eq!(claim(&mut claims, 1_015, Gone), Taken);
        assert_eq!(claim(&mut claims, 1_023, Seen), Taken, "it came back");
    }

    #[test]
    fn what_is_forgotten_is_not_stored_again() {
        let mut claims = Claims::default();
        claim(&mut claims, 1_003, Seen);
        claims.sweep(Timestamp::from_secs(9_000), Duration::from_secs(7_200));
        assert!(claims.targets.is_empty());
        assert_eq!(claim(&mut claims, 1_003, Seen), TooOld);
        assert_eq!(claim(&mut claims, 1_013, Seen), Taken);
    }

    #[test]
    fn a_checkpoint_has_it_all() {
        let mut claims = Claims::default();
        [(1_003, Failed), (1_043, Seen)].into_iter().for_each(|(at, outcome)| _ = claim(&mut claims, at, outcome));
        claims.forgotten = Timestamp(5);
        let mut bytes = Vec::new();
        claims.encode(&mut bytes);
        let again = Claims::decode(&bytes).unwrap();
        assert_eq!((again.forgotten, &again.targets), (Timestamp(5), &claims.targets));
        let whole = |cut: &usize| Claims::decode(&bytes[..*cut]).is_some();
        assert_eq!((0..bytes.len()).filter(whole).collect::<Vec<_>>(), [8], "but for none at all");
    }
}
