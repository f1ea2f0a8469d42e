//! Whether one id is used by two agents at once, as after a state folder was copied.
//!
//! A restart is no such thing: its run speaks after the one before has fallen silent, and what that left is sent from the same
//! address. Two live runs take turns from two addresses, and both go on making windows.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use weir_sample::Timestamp;
use weir_wire::{Epoch, SenderId};

/// What is known of the last two runs of each sender that is one agent by right.
#[derive(Debug, Default)]
pub(crate) struct Clones(Mutex<HashMap<SenderId, Sighting>>);

/// A batch of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sighted {
    pub(crate) epoch: Epoch,
    pub(crate) peer: SocketAddr,
    /// The end of its window.
    pub(crate) end: Timestamp,
}

#[derive(Debug)]
struct Sighting {
    now: Run,
    other: Option<Run>,
    /// How often the runs took turns, and since when.
    turns: u32,
    since: Instant,
    last: Instant,
    told: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    epoch: Epoch,
    peer: SocketAddr,
    first_end: Timestamp,
    newest_end: Timestamp,
}

/// Of how many batches of a run one is noted, by its number.
pub(crate) const ONE_OF: u64 = 4;
const TURNS: u32 = 3;
const FOR: Duration = Duration::from_secs(5);
/// Two that live on are told again.
const AGAIN: Duration = Duration::from_secs(3_600);
/// Where there is no room, who is silent for so long makes some.
const KEPT: Duration = Duration::from_secs(120);
/// Senders remembered: about 20 MB. Those heard last stay.
const MAX_SENDERS: usize = 100_000;

impl Clones {
    /// Notes a batch; both addresses when it is time to tell that two agents use the id. Who may be many by right is not to be
    /// noted here.
    pub(crate) fn note(&self, sender: SenderId, seen: Sighted, now: Instant) -> Option<[SocketAddr; 2]> {
        let mut senders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if senders.len() >= MAX_SENDERS && !senders.contains_key(&sender) {
            senders.retain(|_, sighting| now.saturating_duration_since(sighting.last) < KEPT);
            if senders.len() >= MAX_SENDERS {
                return None;
            }
        }
        let fresh = || Sighting { now: Run::from(seen), other: None, turns: 0, since: now, last: now, told: None };
        senders.entry(sender).or_insert_with(fresh).note(seen, now)
    }

    /// Ids that two agents have used within the last hour, of all tenants or of one.
    pub(crate) fn count(&self, now: Instant, tenant: Option<u32>) -> usize {
        let senders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = |seen: &Sighting| seen.told.is_some_and(|at| now.saturating_duration_since(at) < AGAIN);
        let of = |sender: &SenderId| tenant.is_none_or(|tenant| tenant == sender.tenant);
        senders.iter().filter(|(sender, seen)| of(sender) && told(seen)).count()
    }
}

impl From<Sighted> for Run {
    fn from(Sighted { epoch, peer, end }: Sighted) -> Self {
        Self { epoch, peer, first_end: end, newest_end: end }
    }
}

impl Sighting {
    fn note(&mut self, seen: Sighted, now: Instant) -> Option<[SocketAddr; 2]> {
        self.last = now;
        if seen.epoch == self.now.epoch {
            self.now.peer = seen.peer;
            self.now.newest_end = self.now.newest_end.max(seen.end);
            return None;
        }
        let Some(other) = self.other.as_mut().filter(|other| other.epoch == seen.epoch) else {
            // An older one that was never the newest here is a spool's.
            if seen.epoch > self.now.epoch {
                self.other = Some(std::mem::replace(&mut self.now, Run::from(seen)));
                (self.turns, self.since) = (0, now);
            }
            return None;
        };
        let lives = seen.peer != self.now.peer && seen.end > self.now.first_end && seen.end > other.newest_end;
        if !lives {
            return None;
        }
        (other.peer, other.newest_end) = (seen.peer, seen.end);
        std::mem::swap(&mut self.now, other);
        self.turns += 1;
        if self.turns < TURNS || now.saturating_duration_since(self.since) < FOR {
            return None;
        }
        if self.told.is_some_and(|told| now.saturating_duration_since(told) < AGAIN) {
            return None;
        }
        self.told = Some(now);
        Some([other.peer, self.now.peer])
    }
}

#[cfg(test)]
mod tests {
    use weir_wire::AgentId;

    use super::*;

    /// Whether these batches, as second, epoch, port and window's end, are of two agents; and how often that is told.
    fn check(batches: &[(u64, u64, u16, i64)], told: usize) {
        let (clones, start) = (Clones::default(), Instant::now());
        let sender = SenderId { tenant: 0, agent: AgentId([1; 16]) };
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let found = batches.iter().filter_map(|(second, epoch, port, end)| {
            let seen = Sighted { epoch: Epoch(*epoch), peer: address(*port), end: Timestamp::from_secs(*end) };
            clones.note(sender, seen, start + Duration::from_secs(*second))
        });
        let found: Vec<_> = found.collect();
        assert_eq!(found.len(), told, "{batches:?}");
        assert!(found.iter().all(|[one, other]| one != other));
        assert_eq!(clones.count(start + Duration::from_secs(100), Some(0)), told.min(1));
    }

    #[test]
    fn two_live_runs_are_told_once_an_hour_and_a_restart_never() {
        check(&[(0, 1, 10, 0), (1, 2, 20, 1), (10, 1, 10, 10), (11, 2, 20, 11), (20, 1, 10, 20), (30, 2, 20, 30)], 1);
        // One clock is far behind the other.
        check(&[(0, 1, 10, 0), (1, 2, 20, -99), (10, 1, 10, 10), (11, 2, 20, -89)], 0);
        // A restart, with what the run before has left, by the same port; in disorder, and by a late datagram of the old port.
        check(&[(0, 1, 10, 0), (10, 2, 20, 12), (11, 1, 20, 8), (12, 2, 20, 22), (13, 1, 20, 9), (33, 2, 20, 32)], 0);
        check(&[(0, 1, 10, 0), (10, 2, 20, 12), (11, 1, 10, 10), (20, 2, 20, 22), (21, 1, 21, 9), (33, 2, 20, 32)], 0);
        // A crash loop, and a run that takes other ports.
        check(&[(0, 1, 10, 0), (10, 2, 20, 10), (20, 3, 30, 20), (30, 4, 40, 30), (40, 5, 50, 40)], 0);
        check(&[(0, 1, 10, 0), (10, 1, 11, 10), (20, 1, 12, 20), (30, 1, 10, 30)], 0);
        // A clock that was set back begins another epoch from the same port.
        check(&[(0, 1, 10, 100), (10, 2, 10, 10), (20, 1, 10, 110), (21, 2, 10, 20), (30, 1, 10, 120)], 0);
    }
}
