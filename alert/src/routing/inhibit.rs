//! Inhibition: an alert that fires keeps others quiet.

use super::matcher::{Labels, Matcher, all_match};

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Inhibition {
    /// What the firing alert must match.
    pub source: Vec<Matcher>,
    /// What is kept quiet.
    pub target: Vec<Matcher>,
    /// Labels whose values must be the same in both; absent and empty are the same.
    pub equal: Vec<String>,
}

impl Inhibition {
    /// Whether an alert of these labels may keep others quiet.
    pub fn is_source(&self, labels: &impl Labels) -> bool {
        all_match(&self.source, labels)
    }

    /// Whether it may be kept quiet.
    pub fn is_target(&self, labels: &impl Labels) -> bool {
        all_match(&self.target, labels)
    }

    /// Values of the labels that must be the same, as one text.
    pub fn equal_key(&self, labels: &impl Labels) -> String {
        self.equal.iter().fold(String::new(), |key, name| key + labels.label(name) + "\u{ff}")
    }
}
