//! What a silence would do, before it does.

use std::collections::BTreeMap;

use serde::Serialize;

use super::matcher::{Labels, Matcher, all_match};

/// Muted alerts by team; those without the label stand under the empty text.
pub type Teams = BTreeMap<String, usize>;

/// What a silence would mute now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// Alerts that it would mute.
    pub muted: usize,
    /// All alerts that fire now.
    pub firing: usize,
    /// The muted ones by their label `team`.
    pub teams: Teams,
    /// What its author may not have meant.
    pub warnings: Vec<String>,
}

/// How much one silence may mute unless it is forced.
#[derive(Clone, Copy, Debug)]
pub struct Guard {
    /// Share of all firing alerts.
    pub share: f64,
    /// Up to this number it is always let through.
    pub always: usize,
}

impl Default for Guard {
    fn default() -> Self {
        Self { share: 0.5, always: 20 }
    }
}

impl Preview {
    /// Counts over all alerts that fire.
    pub fn of<'a, L: Labels + 'a>(matchers: &[Matcher], firing: impl IntoIterator<Item = &'a L>) -> Self {
        let mut preview = Self::default();
        let mut without = vec![0usize; matchers.len()];
        for labels in firing {
            preview.firing += 1;
            if !all_match(matchers, labels) {
                continue;
            }
            preview.muted += 1;
            *preview.teams.entry(labels.label("team").to_owned()).or_default() += 1;
            for (matcher, without) in matchers.iter().zip(&mut without) {
                *without += usize::from(matcher.operator().is_negative() && labels.label(matcher.name()).is_empty());
            }
        }
        for (matcher, without) in matchers.iter().zip(without) {
            let name = matcher.name();
            if without > 0 {
                preview.warnings.push(format!(
                    "{matcher} also mutes {without} alerts that have no label {name}; add {name}!=\"\" to leave them out"
                ));
            } else if matcher.operator().is_negative() && matcher.matches("") {
                preview
                    .warnings
                    .push(format!("{matcher} also mutes every alert without a label {name}; none fires now"));
            }
        }
        preview
    }

    /// "mutes 214 alerts of 5 teams".
    pub fn sentence(&self) -> String {
        format!("mutes {} alerts of {} teams", self.muted, self.teams.len())
    }

    /// Whether it may hold without being forced.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub fn allowed(&self, guard: Guard) -> Result<(), String> {
        let share = self.muted as f64 / self.firing.max(1) as f64;
        if self.muted <= guard.always || share <= guard.share {
            return Ok(());
        }
        let (now, most) = (share * 100.0, guard.share * 100.0);
        Err(format!("it {}, {now:.0} % of all that fire (limit {most:.0} %); narrow it, or force it", self.sentence()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Pairs;
    use crate::routing::matcher::read_several;

    fn preview(matchers: &str) -> Preview {
        let alert =
            |pairs: &[(&str, &str)]| -> Pairs { pairs.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect() };
        let alerts = [alert(&[("team", "db"), ("env", "dev")]), alert(&[("team", "web")]), alert(&[("env", "prod")])];
        Preview::of(&read_several(matchers).unwrap(), &alerts)
    }

    #[test]
    fn a_preview_counts_and_warns() {
        let all = preview("env!~prod");
        assert_eq!((all.muted, all.firing, all.sentence().as_str()), (2, 3, "mutes 2 alerts of 2 teams"));
        assert_eq!(
            all.warnings,
            ["env!~\"prod\" also mutes 1 alerts that have no label env; add env!=\"\" to leave them out"]
        );
        assert!(preview("env=dev").warnings.is_empty());
        assert!(preview("team=db,zone!=a").warnings[0].contains("zone"));
    }

    #[test]
    fn too_much_is_refused_unless_forced() {
        let guard = Guard { share: 0.5, always: 1 };
        assert!(preview("team=db").allowed(guard).is_ok(), "one is always let through");
        let told = preview("env!~prod").allowed(guard).unwrap_err();
        assert_eq!(told, "it mutes 2 alerts of 2 teams, 67 % of all that fire (limit 50 %); narrow it, or force it");
    }
}
