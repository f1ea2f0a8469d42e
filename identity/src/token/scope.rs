//! What a token lets its bearer do.

use std::fmt;
use std::str::FromStr;

/// What a token lets its bearer do. No scope contains another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Take a session key and send batches.
    Ingest,
    /// Query metrics.
    Read,
    /// Change what a server does.
    Admin,
    /// See rules, alerts, silences and their history.
    AlertsRead,
    /// Make and end silences, and tell of alerts.
    AlertsSilence,
}

impl Scope {
    /// Every scope there is.
    pub const ALL: [Self; 5] = [Self::Ingest, Self::Read, Self::Admin, Self::AlertsRead, Self::AlertsSilence];

    /// Its word in a token.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Read => "read",
            Self::Admin => "admin",
            Self::AlertsRead => "alerts:read",
            Self::AlertsSilence => "alerts:silence",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|scope| scope.name() == text);
        known.ok_or_else(|| format!("{text:?} is no scope: use ingest, read, admin, alerts:read or alerts:silence"))
    }
}
