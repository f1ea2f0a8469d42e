//! Silences that are kept, and those that hold.

use std::collections::BTreeMap;

use weir_alert::routing::matcher::Operator;
use weir_alert::routing::{Labels, Silence, SilenceState};
use weir_sample::Timestamp;

use crate::held::Packed;

/// By number, and by one exact matcher of theirs, so that an alert asks few of them.
#[derive(Debug, Default)]
pub(crate) struct Silences {
    all: BTreeMap<String, Silence>,
    exact: BTreeMap<(u32, String), BTreeMap<String, Vec<String>>>,
    others: Vec<String>,
}

impl Silences {
    pub(crate) fn put(&mut self, silence: Silence) {
        self.all.insert(silence.id.clone(), silence);
        self.index();
    }

    pub(crate) fn forget(&mut self, id: &str) {
        self.all.remove(id);
        self.index();
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Silence> {
        self.all.get(id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Silence> {
        self.all.values()
    }

    /// Whether one holds for an alert now.
    pub(crate) fn hold(&self, tenant: u32, labels: &Packed, now: Timestamp) -> bool {
        self.of(tenant, labels, now).next().is_some()
    }

    /// Those that hold for an alert now.
    pub(crate) fn of(&self, tenant: u32, labels: &Packed, now: Timestamp) -> impl Iterator<Item = &Silence> {
        let exact = self.exact.range((tenant, String::new())..(tenant.saturating_add(1), String::new()));
        let exact = exact.filter_map(|((_, name), values)| values.get(labels.label(name))).flatten();
        let candidates = exact.chain(&self.others).filter_map(|id| self.all.get(id));
        candidates.filter(move |silence| silence.state(now) == SilenceState::Active && silence.is_about(tenant, labels))
    }

    fn index(&mut self) {
        (self.exact, self.others) = Default::default();
        for silence in self.all.values() {
            let exact = silence
                .matchers
                .iter()
                .find(|matcher| matcher.operator() == Operator::Equal && !matcher.value().is_empty());
            match exact {
                Some(matcher) => {
                    let by_value = self.exact.entry((silence.tenant, matcher.name().to_owned())).or_default();
                    by_value.entry(matcher.value().to_owned()).or_default().push(silence.id.clone());
                }
                None => self.others.push(silence.id.clone()),
            }
        }
    }
}
