//! The states of one rule's alerts: pending until the result has lasted, firing, resolved.

use std::collections::BTreeMap;

use weir_sample::{Series, Timestamp};

use crate::Rule;

/// The stage of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The result has not lasted long enough.
    Pending,
    /// To be notified until it resolves.
    Firing,
}

/// An alert that is pending or firing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Active {
    /// Its stage.
    pub phase: Phase,
    /// When its result first appeared.
    pub since: Timestamp,
    /// The result's newest value.
    pub value: f64,
    /// When its result was last there.
    last_seen: Timestamp,
}

/// A change that someone must hear of.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// It fires now.
    Fired {
        /// The alert's labels.
        alert: Series,
        /// When its result first appeared.
        since: Timestamp,
        /// The result's value.
        value: f64,
    },
    /// It fired and does no longer.
    Resolved {
        /// The alert's labels.
        alert: Series,
        /// When that was seen.
        at: Timestamp,
    },
}

/// All alerts of one rule.
#[derive(Clone, Debug, Default)]
pub struct States {
    active: BTreeMap<Series, Active>,
}

impl States {
    /// Records the rule's result at `now` and returns the changes that follow. Instants must not go back.
    pub fn observe(&mut self, rule: &Rule, now: Timestamp, result: &[(Series, f64)]) -> Vec<Event> {
        for (series, value) in result {
            let seen = Active { phase: Phase::Pending, since: now, value: *value, last_seen: now };
            let alert = self.active.entry(rule.identity(series)).or_insert(seen);
            (alert.value, alert.last_seen) = (*value, now);
        }
        let mut events = Vec::new();
        self.active.retain(|identity, alert| {
            let gone = alert.last_seen < now;
            match alert.phase {
                Phase::Pending if gone => return false,
                Phase::Pending if now.since(alert.since) >= rule.hold_time() => {
                    alert.phase = Phase::Firing;
                    events.push(Event::Fired { alert: identity.clone(), since: alert.since, value: alert.value });
                }
                Phase::Firing if gone && now.since(alert.last_seen) >= rule.keep_firing_time() => {
                    events.push(Event::Resolved { alert: identity.clone(), at: now });
                    return false;
                }
                Phase::Pending | Phase::Firing => {}
            }
            true
        });
        events
    }

    /// Alerts that are pending or firing.
    pub fn active(&self) -> impl Iterator<Item = (&Series, &Active)> {
        self.active.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Runs a rule over results at 0 s, 10 s, … (`1` there, `0` gone) and writes down what happened at each.
    fn check(hold: u64, keep: u64, results: &[u8], expected: &str) {
        let rule = Rule::new("Down", "up == 0").unwrap();
        let rule = rule.hold(Duration::from_secs(hold)).keep_firing(Duration::from_secs(keep));
        let (mut states, mut seen) = (States::default(), String::new());
        for (step, there) in results.iter().enumerate() {
            let result: Vec<_> = (0..*there).map(|_| (Series::named("up"), 0.0)).collect();
            let events = states.observe(&rule, Timestamp::from_secs(10 * step as i64), &result);
            let phase = states.active().next().map(|(_, alert)| alert.phase);
            seen.push(match (events.first(), phase) {
                (Some(Event::Fired { .. }), _) => 'F',
                (Some(Event::Resolved { .. }), _) => 'R',
                (None, Some(Phase::Pending)) => 'p',
                (None, Some(Phase::Firing)) => 'f',
                (None, None) => '-',
            });
        }
        assert_eq!(seen, expected, "hold {hold}, keep {keep}, results {results:?}");
    }

    #[test]
    fn alerts_pend_fire_and_resolve() {
        check(0, 0, &[0, 1, 1, 0, 0], "-FfR-");
        check(20, 0, &[1, 1, 1, 1, 0], "ppFfR");
        check(20, 0, &[1, 1, 0, 1, 1, 1], "pp-ppF");
        check(0, 20, &[1, 0, 1, 0, 0, 0], "FfffR-");
    }

    #[test]
    fn each_series_is_its_own_alert() {
        let rule = Rule::new("Down", "up == 0").unwrap();
        let mut states = States::default();
        let down = |host: &str| (Series::new("up", [("host", host)]), 0.0);
        assert_eq!(states.observe(&rule, Timestamp(0), &[down("a"), down("b")]).len(), 2);
        let events = states.observe(&rule, Timestamp(1), &[down("b")]);
        assert!(matches!(events.as_slice(), [Event::Resolved { alert, .. }] if alert.label("host") == Some("a")));
    }
}
