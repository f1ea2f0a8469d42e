//! A silence: alerts that match it are not told while it lasts.

use serde::{Deserialize, Serialize};
use weir_sample::Timestamp;

use super::matcher::{Labels, Matcher, all_match};

/// Where a silence stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SilenceState {
    /// It begins later.
    Pending,
    /// It holds.
    Active,
    /// It is over.
    Expired,
}

/// One silence. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Silence {
    /// Its name in the API.
    pub id: String,
    /// Whose alerts it is about.
    #[serde(default)]
    pub tenant: u32,
    /// What must match, all of it.
    pub matchers: Vec<Matcher>,
    /// From when on.
    pub starts_at_ms: i64,
    /// Until when.
    pub ends_at_ms: i64,
    /// When it was last changed.
    pub updated_at_ms: i64,
    /// Who made it.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

impl Silence {
    /// Where it stands at `now`.
    pub fn state(&self, now: Timestamp) -> SilenceState {
        match now.millis() {
            at if at >= self.ends_at_ms => SilenceState::Expired,
            at if at < self.starts_at_ms => SilenceState::Pending,
            _ => SilenceState::Active,
        }
    }

    /// Whether it is about an alert of this tenant and these labels.
    pub fn is_about(&self, tenant: u32, labels: &impl Labels) -> bool {
        self.tenant == tenant && all_match(&self.matchers, labels)
    }

    /// What is wrong with it, if anything.
    ///
    /// # Errors
    /// The fault, in a sentence.
    pub fn check(&self) -> Result<(), String> {
        if self.matchers.is_empty() {
            return Err("a silence needs at least one matcher".into());
        }
        if self.matchers.iter().all(|matcher| matcher.matches("")) {
            return Err("at least one matcher must not match the empty string, else the silence holds for everything without that label".into());
        }
        if self.ends_at_ms <= self.starts_at_ms {
            return Err("a silence must end after it starts".into());
        }
        if self.created_by.trim().is_empty() || self.comment.trim().is_empty() {
            return Err("a silence needs its author and a comment".into());
        }
        Ok(())
    }
}
