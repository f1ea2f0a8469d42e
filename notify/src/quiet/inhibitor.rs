//! Which firing alerts keep which others quiet.

use std::collections::HashMap;

use weir_alert::routing::Inhibition;

use crate::held::{Key, Packed};

/// Firing sources by rule, tenant and the values that must be the same.
#[derive(Debug, Default)]
pub(crate) struct Inhibitor {
    rules: Vec<Inhibition>,
    /// Sources, and whether each is a target of its own rule too.
    sources: HashMap<(usize, u32, String), HashMap<u64, bool>>,
}

impl Inhibitor {
    pub(crate) fn new(rules: Vec<Inhibition>) -> Self {
        Self { rules, sources: HashMap::new() }
    }

    /// Notes that an alert fires, or does no longer.
    pub(crate) fn note(&mut self, (tenant, fingerprint): Key, labels: &Packed, fires: bool) {
        for (number, rule) in self.rules.iter().enumerate().filter(|(_, rule)| rule.is_source(labels)) {
            let place = (number, tenant, rule.equal_key(labels));
            if fires {
                self.sources.entry(place).or_default().insert(fingerprint, rule.is_target(labels));
            } else if let Some(sources) = self.sources.get_mut(&place) {
                sources.remove(&fingerprint);
                if sources.is_empty() {
                    self.sources.remove(&place);
                }
            }
        }
    }

    /// The alerts that keep this one quiet; none of them is what the rule would keep quiet for the same reason.
    pub(crate) fn by(&self, (tenant, fingerprint): Key, labels: &Packed) -> impl Iterator<Item = u64> {
        let aimed = self.rules.iter().enumerate().filter(|(_, rule)| rule.is_target(labels));
        aimed.flat_map(move |(number, rule)| {
            let is_source_too = rule.is_source(labels);
            let sources = self.sources.get(&(number, tenant, rule.equal_key(labels))).into_iter().flatten();
            let others = sources.filter(move |(source, both)| **source != fingerprint && !(is_source_too && **both));
            others.map(|(source, _)| *source)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_alert::event::{Pairs, fingerprint};
    use weir_alert::routing::matcher::read_several;

    fn rule(source: &str, target: &str, equal: &str) -> Inhibition {
        let equal = equal.split_whitespace().map(str::to_owned).collect();
        Inhibition { source: read_several(source).unwrap(), target: read_several(target).unwrap(), equal }
    }

    fn alert(text: &str) -> (Key, Packed) {
        let pairs: Pairs =
            text.split(' ').filter_map(|pair| pair.split_once('=')).map(|(n, v)| (n.into(), v.into())).collect();
        ((0, fingerprint(&pairs)), Packed::of(&pairs))
    }

    fn check(rules: Vec<Inhibition>, firing: &[&str], target: &str, expected: bool) {
        let mut inhibitor = Inhibitor::new(rules);
        for (key, labels) in firing.iter().map(|text| alert(text)) {
            inhibitor.note(key, &labels, true);
        }
        let (key, labels) = alert(target);
        assert_eq!(inhibitor.by(key, &labels).next().is_some(), expected, "{firing:?} {target}");
    }

    #[test]
    fn sources_quiet_their_targets() {
        let rules = || vec![rule("s=page", "s=info", "c")];
        check(rules(), &["s=page c=1"], "s=info c=1", true);
        check(rules(), &["s=page c=1"], "s=info c=2", false);
        check(rules(), &["s=page"], "s=info", true);
        check(rules(), &["s=page c=1"], "s=warn c=1", false);
        check(rules(), &[], "s=info c=1", false);
    }

    #[test]
    fn what_is_source_and_target_quiets_no_such_alert() {
        let rules = || vec![rule("s=~page|info", "s=info", "c")];
        check(rules(), &["s=info c=1 n=a"], "s=info c=1 n=b", false);
        check(rules(), &["s=page c=1"], "s=info c=1", true);
        check(rules(), &["s=info c=1"], "s=info c=1", false);
    }

    #[test]
    fn a_source_that_is_over_quiets_nothing_and_tenants_are_apart() {
        let mut inhibitor = Inhibitor::new(vec![rule("s=page", "s=info", "")]);
        let (((_, source), page), ((_, target), info)) = (alert("s=page"), alert("s=info"));
        inhibitor.note((1, source), &page, true);
        assert!(inhibitor.by((2, target), &info).next().is_none());
        assert_eq!(inhibitor.by((1, target), &info).collect::<Vec<_>>(), [source]);
        inhibitor.note((1, source), &page, false);
        assert!(inhibitor.by((1, target), &info).next().is_none() && inhibitor.sources.is_empty());
    }
}
