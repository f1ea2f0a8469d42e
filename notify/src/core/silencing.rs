//! Silences are made, previewed and ended.

use serde::{Deserialize, Serialize};
use weir_alert::routing::matcher::all_match;
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
    /// Conditions that its author cannot leave: they become matchers too, and what they do not match is not counted.
    #[serde(default)]
    pub within: Vec<Matcher>,
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
    /// What a silence would mute now, and why it would be refused, if so; what is wrong with it is wrong here too.
    ///
    /// # Errors
    /// As [`Notifier::silence`] without regard to how much it mutes.
    pub fn preview(&self, new: &NewSilence, now: Timestamp) -> Result<(Preview, Option<String>), SilenceRefused> {
        self.make(new, now)?;
        let firing = self.book.entries.values().map(|entry| &entry.held);
        let firing = firing.filter(|held| held.tenant == new.tenant && all_match(&new.within, &held.labels));
        let firing = firing.filter(|held| self.book.fires(held, now));
        let preview = Preview::of(&new.matchers, firing.map(|held| &held.labels as &Packed));
        let refused = preview.allowed(self.settings.guard).err();
        Ok((preview, refused))
    }

    /// Makes a silence, or changes one; its name comes back. One that has begun to hold ends, and another takes its place, if matchers or start
    /// change, as in Alertmanager.
    ///
    /// # Errors
    /// What is wrong with it, or that it mutes too much and is not forced.
    pub fn silence(&mut self, new: &NewSilence, force: bool, now: Timestamp) -> Result<String, SilenceRefused> {
        let changed = self.make(new, now)?;
        if let (_, Some(refused)) = self.preview(new, now)?
            && !force
        {
            return Err(SilenceRefused::TooBroad(refused));
        }
        let id = changed[0].id.clone();
        self.keep_silences(changed)?;
        Ok(id)
    }

    /// The silence, and the one that it takes the place of.
    fn make(&self, new: &NewSilence, now: Timestamp) -> Result<Vec<Silence>, SilenceRefused> {
        let mut made = Silence {
            id: crate::ident::uuid(),
            tenant: new.tenant,
            matchers: new.matchers.clone(),
            starts_at_ms: new.starts_at_ms.max(now.millis()),
            ends_at_ms: new.ends_at_ms,
            updated_at_ms: now.millis(),
            created_by: new.created_by.clone(),
            comment: new.comment.clone(),
        };
        let mut ended = None;
        if !new.id.is_empty() {
            let old = self.silences.get(&new.id).filter(|old| old.tenant == made.tenant && is_within(old, &new.within));
            let old = old.ok_or_else(|| SilenceRefused::Unknown(new.id.clone()))?;
            match old.state(now) {
                SilenceState::Active if same(&old.matchers, &new.matchers, &new.within) => {
                    (made.id, made.starts_at_ms) = (old.id.clone(), old.starts_at_ms);
                }
                SilenceState::Pending => made.id.clone_from(&old.id),
                SilenceState::Active => {
                    ended = Some(Silence { ends_at_ms: now.millis(), updated_at_ms: now.millis(), ..old.clone() });
                }
                SilenceState::Expired => {}
            }
        }
        // Before conditions are added that make any matcher a narrow one.
        made.check().map_err(SilenceRefused::Invalid)?;
        if made.ends_at_ms <= now.millis() {
            return Err(SilenceRefused::Invalid("the silence would be over already".into()));
        }
        let added: Vec<Matcher> = new.within.iter().filter(|one| !made.matchers.contains(one)).cloned().collect();
        made.matchers.extend(added);
        Ok([made].into_iter().chain(ended).collect())
    }

    /// Ends a silence now, if it has all matchers of `within`.
    ///
    /// # Errors
    /// There is none of this name, or it is over.
    pub fn expire(&mut self, tenant: u32, id: &str, within: &[Matcher], now: Timestamp) -> Result<(), SilenceRefused> {
        let silence = self.silences.get(id).filter(|silence| silence.tenant == tenant && is_within(silence, within));
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

    /// One of them.
    pub fn silence_of(&self, id: &str) -> Option<&Silence> {
        self.silences.get(id)
    }

    fn keep_silences(&mut self, changed: Vec<Silence>) -> Result<(), Error> {
        let write = self.store.write()?;
        changed.iter().try_for_each(|silence| write.put_silence(silence))?;
        write.commit()?;
        changed.into_iter().for_each(|silence| self.silences.put(silence));
        Ok(())
    }
}

/// Whether a silence keeps to these conditions, so that who cannot leave them may touch it.
fn is_within(silence: &Silence, within: &[Matcher]) -> bool {
    within.iter().all(|matcher| silence.matchers.contains(matcher))
}

/// Whether a silence of these matchers would have those of the old one.
fn same(old: &[Matcher], new: &[Matcher], within: &[Matcher]) -> bool {
    old.iter().all(|one| new.contains(one) || within.contains(one)) && new.iter().all(|one| old.contains(one))
}
