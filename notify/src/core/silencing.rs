//! Silences are made, previewed and ended.

use serde::{Deserialize, Serialize};
use weir_alert::routing::{Matcher, Preview, Silence, SilenceState};
use weir_sample::Timestamp;

use super::notifier::Notifier;
use crate::held::Packed;
use crate::keep::Error;

/// A silence to be made, or changed where `id` names one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewSilence {
    /// One to be changed; empty for a new one.
    #[serde(default)]
    pub id: String,
    /// Whose alerts.
    #[serde(default)]
    pub tenant: u32,
    /// What must match.
    pub matchers: Vec<Matcher>,
    /// From when on; what has passed is taken as now.
    pub starts_at_ms: i64,
    /// Until when.
    pub ends_at_ms: i64,
    /// Who makes it.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

/// Why a silence was not made.
#[derive(Debug, thiserror::Error)]
pub enum SilenceRefused {
    /// It is not right in itself.
    #[error("{0}")]
    Invalid(String),
    /// It mutes too much to be made without force.
    #[error("the silence is refused: {0}")]
    TooBroad(String),
    /// There is none of this name.
    #[error("no silence {0}")]
    Unknown(String),
    /// It could not be kept.
    #[error(transparent)]
    State(#[from] Error),
}

impl Notifier {
    /// What a silence of these matchers would mute now.
    pub fn preview(&self, tenant: u32, matchers: &[Matcher], now: Timestamp) -> Preview {
        let firing = self.book.entries.values().map(|entry| &entry.held);
        let firing = firing.filter(|held| held.tenant == tenant && self.book.fires(held, now));
        Preview::of(matchers, firing.map(|held| &held.labels as &Packed))
    }

    /// Makes a silence, or changes one; its name comes back. One that has begun to hold ends, and another takes its place, if matchers or start
    /// change, as in Alertmanager.
    ///
    /// # Errors
    /// What is wrong with it, or that it mutes too much and is not forced.
    pub fn silence(&mut self, new: NewSilence, force: bool, now: Timestamp) -> Result<String, SilenceRefused> {
        let mut made = Silence {
            id: crate::ident::uuid(),
            tenant: new.tenant,
            matchers: new.matchers,
            starts_at_ms: new.starts_at_ms.max(now.millis()),
            ends_at_ms: new.ends_at_ms,
            updated_at_ms: now.millis(),
            created_by: new.created_by,
            comment: new.comment,
        };
        let mut changed = Vec::new();
        if !new.id.is_empty() {
            let old = self.silences.get(&new.id).filter(|old| old.tenant == made.tenant);
            let old = old.ok_or_else(|| SilenceRefused::Unknown(new.id.clone()))?;
            match old.state(now) {
                SilenceState::Active if old.matchers == made.matchers => {
                    (made.id, made.starts_at_ms) = (old.id.clone(), old.starts_at_ms);
                }
                SilenceState::Pending => made.id.clone_from(&old.id),
                SilenceState::Active => {
                    changed.push(Silence { ends_at_ms: now.millis(), updated_at_ms: now.millis(), ..old.clone() })
                }
                SilenceState::Expired => {}
            }
        }
        made.check().map_err(SilenceRefused::Invalid)?;
        if made.ends_at_ms <= now.millis() {
            return Err(SilenceRefused::Invalid("the silence would be over already".into()));
        }
        if !force {
            let preview = self.preview(made.tenant, &made.matchers, now);
            preview.allowed(self.settings.guard).map_err(SilenceRefused::TooBroad)?;
        }
        let id = made.id.clone();
        changed.push(made);
        self.keep_silences(changed)?;
        Ok(id)
    }

    /// Ends a silence now.
    ///
    /// # Errors
    /// There is none of this name, or it is over.
    pub fn expire(&mut self, tenant: u32, id: &str, now: Timestamp) -> Result<(), SilenceRefused> {
        let silence = self.silences.get(id).filter(|silence| silence.tenant == tenant);
        let silence = silence.ok_or_else(|| SilenceRefused::Unknown(id.to_owned()))?;
        if silence.state(now) == SilenceState::Expired {
            return Err(SilenceRefused::Invalid(format!("silence {id} is over already")));
        }
        let at = now.millis();
        let over = Silence {
            starts_at_ms: silence.starts_at_ms.min(at),
            ends_at_ms: at,
            updated_at_ms: at,
            ..silence.clone()
        };
        Ok(self.keep_silences(vec![over])?)
    }

    /// All silences, those that are over for some days among them.
    pub fn silences(&self) -> impl Iterator<Item = &Silence> {
        self.silences.iter()
    }

    fn keep_silences(&mut self, changed: Vec<Silence>) -> Result<(), Error> {
        let write = self.store.write()?;
        changed.iter().try_for_each(|silence| write.put_silence(silence))?;
        write.commit()?;
        changed.into_iter().for_each(|silence| self.silences.put(silence));
        Ok(())
    }
}
