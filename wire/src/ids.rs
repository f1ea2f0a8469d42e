//! Who sends: agent ids, epochs and key ids.

use std::fmt;
use std::str::FromStr;

use ring::digest::{SHA256, digest};
use weir_sample::Timestamp;

/// Sixteen bytes that name one agent for as long as its state folder lives; written as a UUID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentId(pub [u8; 16]);

/// How the ids of jobs begin that need no token: "wr-job".
const JOB: [u8; 6] = *b"wr-job";

/// How the second half of an id begins that follows from a token: an agent's …
const DERIVED_AGENT: [u8; 2] = *b"wa";
/// … and a job's.
const DERIVED_JOB: [u8; 4] = *b"wjob";

impl AgentId {
    /// The id of a short-lived job: a sender without a host that lives for minutes, keeps nothing on disk, and never uses
    /// its id again. The sink remembers it for hours, not days.
    pub fn of_job(random: [u8; 10]) -> Self {
        let mut id = [0; 16];
        id[..6].copy_from_slice(&JOB);
        id[6..].copy_from_slice(&random);
        Self(id)
    }

    /// Whether the sender is a short-lived job.
    pub fn is_job(&self) -> bool {
        self.0.starts_with(&JOB) || self.0[8..].starts_with(&DERIVED_JOB)
    }

    /// The id under which this sender sends with a token of this tenant and subject: the first half of a SHA-256 of both,
    /// a mark, and the end of its own id, which keeps apart those that share the token.
    ///
    /// ```text
    /// agent: SHA-256(tenant u32 ‖ subject)[..8] ‖ "wa"   ‖ own id[10..]
    /// job:   SHA-256(tenant u32 ‖ subject)[..8] ‖ "wjob" ‖ own id[12..]
    /// ```
    /// A subject that is itself an id names that one agent, whose id stays as it is.
    #[must_use]
    pub fn for_token(self, tenant: u32, subject: &str) -> Self {
        if subject.parse::<Self>().is_ok() { self } else { self.derived(tenant, subject) }
    }

    /// Whether a token of this tenant and subject may send under this id. No id is good for two subjects of a tenant but by
    /// a chance of 2^-64: a derived one has its subject in it, and one that a subject spells out must not look derived.
    pub fn is_for_token(self, tenant: u32, subject: &str) -> bool {
        match subject.parse::<Self>() {
            Ok(bound) => bound == self && !self.is_derived(),
            Err(NotAnAgentId) => self.derived(tenant, subject) == self,
        }
    }

    fn derived(self, tenant: u32, subject: &str) -> Self {
        let mut id = self.0;
        let whose = digest(&SHA256, &[&tenant.to_be_bytes(), subject.as_bytes()].concat());
        id[..8].copy_from_slice(&whose.as_ref()[..8]);
        match self.is_job() {
            true => id[8..12].copy_from_slice(&DERIVED_JOB),
            false => id[8..10].copy_from_slice(&DERIVED_AGENT),
        }
        Self(id)
    }

    fn is_derived(&self) -> bool {
        let choice = &self.0[8..];
        choice.starts_with(&DERIVED_AGENT) || choice.starts_with(&DERIVED_JOB)
    }
}

/// A sender, as servers know it: an id stands in clear in every datagram, so the same id of another tenant is another
/// sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SenderId {
    /// Whose it is.
    pub tenant: u32,
    /// Its id within the tenant.
    pub agent: AgentId,
}

impl SenderId {
    /// Whether the sender is a short-lived job.
    pub fn is_job(&self) -> bool {
        self.agent.is_job()
    }

    /// The sender as one number, under which a store keeps its rows. That of the default tenant is its id, and no other
    /// tenant can choose an id that makes the same number.
    pub fn number(&self) -> u128 {
        if self.tenant == 0 {
            return u128::from_be_bytes(self.agent.0);
        }
        let hash = digest(&SHA256, &[&self.tenant.to_be_bytes()[..], &self.agent.0].concat());
        hash.as_ref()[..16].iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
    }
}

/// As logs have it; the default tenant goes without its number.
impl fmt::Display for SenderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tenant {
            0 => self.agent.fmt(f),
            tenant => write!(f, "{tenant}/{}", self.agent),
        }
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a UUID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an agent id is a UUID such as 0123abcd-4567-89ef-0123-456789abcdef")]
pub struct NotAnAgentId;

impl FromStr for AgentId {
    type Err = NotAnAgentId;

    fn from_str(text: &str) -> Result<Self, NotAnAgentId> {
        let digits: Vec<u8> = text.bytes().filter(|b| *b != b'-').collect();
        let mut id = [0; 16];
        if digits.len() != 32 {
            return Err(NotAnAgentId);
        }
        for (byte, pair) in id.iter_mut().zip(digits.chunks(2)) {
            let digit = |b: u8| (b as char).to_digit(16).ok_or(NotAnAgentId);
            *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
        }
        Ok(Self(id))
    }
}

/// One run of an agent: 48 bits, Unix seconds (32) and random bits (16). Grows with every restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch of a run that starts at `now`, greater than `previous` even if the clock went back.
    pub fn next(previous: Option<Epoch>, now: Timestamp, random: u16) -> Self {
        let by_clock = ((now.millis() / 1_000) as u64 & 0xFFFF_FFFF) << 16 | u64::from(random);
        let least = previous.map_or(0, |epoch| epoch.0 + 1);
        Self(by_clock.max(least) & MAX_48)
    }

    /// About when the run began, by the agent's clock.
    pub fn began(self) -> Timestamp {
        Timestamp::from_secs((self.0 >> 16) as i64)
    }

    pub(crate) fn to_bytes(self) -> [u8; 6] {
        bytes48(self.0)
    }
}

/// The largest sequence number and epoch.
pub(crate) const MAX_48: u64 = (1 << 48) - 1;

pub(crate) fn bytes48(number: u64) -> [u8; 6] {
    let mut bytes = [0; 6];
    bytes.copy_from_slice(&number.to_be_bytes()[2..]);
    bytes
}

pub(crate) fn number48(bytes: [u8; 6]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: AgentId = AgentId([0x41; 16]);

    #[test]
    fn an_id_is_good_for_one_subject_of_one_tenant() {
        let id = OWN.for_token(7, "web");
        let check = |tenant, subject: &str, expected| {
            assert_eq!(id.is_for_token(tenant, subject), expected, "{tenant} {subject}");
        };
        check(7, "web", true);
        check(7, "wec", false);
        check(3, "web", false);
        // Who may choose a subject must not choose another's id.
        check(7, &id.to_string(), false);
        assert!(!OWN.is_for_token(7, "web"));
        assert_eq!(id.for_token(7, "web"), id);
        assert_ne!(AgentId([0x42; 16]).for_token(7, "web"), id, "hosts that share a token stay apart");
    }

    #[test]
    fn a_subject_that_is_an_id_names_that_agent() {
        assert_eq!(OWN.for_token(7, &OWN.to_string()), OWN);
        assert!(OWN.is_for_token(7, &OWN.to_string()));
        assert!(!AgentId([0x42; 16]).is_for_token(7, &OWN.to_string()));
    }

    #[test]
    fn a_job_is_one_under_a_token_too() {
        let (job, other) = (AgentId::of_job([1; 10]), AgentId::of_job([2; 10]));
        assert!(job.is_job() && job.for_token(7, "ci").is_job() && !OWN.for_token(7, "ci").is_job());
        assert!(job.for_token(7, "ci").is_for_token(7, "ci"));
        assert_ne!(job.for_token(7, "ci"), other.for_token(7, "ci"));
    }
}
