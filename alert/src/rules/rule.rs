//! Rules and groups as they are evaluated: every part read and checked.

use std::time::Duration;

use super::expression::Expression;
use super::fault::Place;
use super::text::Template;
use crate::event::Pairs;

/// Rules that are evaluated one after another, all at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The file it stands in, as it was named.
    pub file: String,
    /// Its name, which the file has once.
    pub name: String,
    /// Time between evaluations.
    pub interval: Duration,
    /// How far before its own time a group asks for data; `None` takes the default of whoever evaluates.
    pub query_offset: Option<Duration>,
    /// Most alerts, or most series, that one rule may make; 0 for no limit.
    pub limit: usize,
    /// Its rules in the order of the file.
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The metric that it records, or the alert's name.
    pub name: String,
    /// What it evaluates.
    pub expression: Expression,
    /// Labels as written, the group's among them.
    pub labels: Pairs,
    /// What becomes of the result.
    pub kind: Kind,
    /// Where it stands.
    pub place: Place,
}

/// What becomes of a rule's result.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// It is stored as series.
    Recording,
    /// Each element is an alert.
    Alerting(Alerting),
}

/// The part that only alerting rules have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alerting {
    /// `for`: how long an element must be there before it fires.
    pub hold: Duration,
    /// `keep_firing_for`: how long it fires on once its element is gone.
    pub keep_firing: Duration,
    /// Labels, ready to be expanded.
    pub labels: Vec<(String, Template)>,
    /// Annotations, ready to be expanded.
    pub annotations: Vec<(String, Template)>,
}

impl Group {
    /// Its identity: `file;name`.
    pub fn key(&self) -> String {
        format!("{};{}", self.file, self.name)
    }
}

impl Rule {
    /// The part of an alerting rule.
    pub fn alerting(&self) -> Option<&Alerting> {
        match &self.kind {
            Kind::Alerting(alerting) => Some(alerting),
            Kind::Recording => None,
        }
    }

    /// Tells a rule from others across changes of its expression, times and annotations: kind, name and labels.
    pub fn signature(&self) -> u64 {
        let mut identity = self.labels.clone();
        let kind = if self.alerting().is_some() { "alert" } else { "record" };
        // Not legal as labels, so nothing in the file can stand in their place.
        identity.insert(format!(" {kind}"), self.name.clone());
        crate::event::fingerprint(&identity)
    }
}
