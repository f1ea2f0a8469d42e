//! Who sends: agent ids, epochs and key ids.

use std::fmt;
use std::str::FromStr;

use weir_sample::Timestamp;

/// Sixteen bytes that name one agent for as long as its state folder lives; written as a UUID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentId(pub [u8; 16]);

/// How the ids of jobs begin: "wr-job".
const JOB: [u8; 6] = *b"wr-job";

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
        self.0.starts_with(&JOB)
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
