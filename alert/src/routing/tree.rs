//! The routes: a tree in which an alert goes down as far as labels match.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::matcher::{Labels, Matcher, all_match};

/// By which labels alerts become one notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// `['...']`: each alert is a group of its own.
    All,
    /// By the values of these.
    Labels(BTreeSet<String>),
}

/// One route, with what it has from those above it.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Who hears of it.
    pub receiver: String,
    /// How alerts are grouped.
    pub group_by: GroupBy,
    /// How long a new group waits for more alerts.
    pub group_wait: Duration,
    /// The least time between two notifications of one group.
    pub group_interval: Duration,
    /// After this time an unchanged group is told again.
    pub repeat_interval: Duration,
    /// Names of the times at which nothing is told.
    pub mute: Vec<String>,
    /// Names of the times outside of which nothing is told.
    pub active: Vec<String>,
    /// What must match.
    pub matchers: Vec<Matcher>,
    /// Whether later siblings are tried too.
    pub goes_on: bool,
    /// Matchers from the root down, as in Alertmanager's group keys.
    pub key: String,
    pub(super) children: Vec<usize>,
}

/// All routes; the first is the root.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Routes {
    pub(super) routes: Vec<Route>,
}

impl Routes {
    /// The routes that an alert takes, at least one, by their numbers.
    pub fn of(&self, labels: &impl Labels) -> Vec<usize> {
        let mut found = Vec::new();
        self.descend(0, labels, &mut found);
        if found.is_empty() { vec![0] } else { found }
    }

    /// A route by its number.
    pub fn get(&self, number: usize) -> Option<&Route> {
        self.routes.get(number)
    }

    /// All, the root first.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter()
    }

    /// The tree in the form of its file, as JSON: matchers, receivers and times, all as they apply.
    pub fn shown(&self) -> Value {
        self.shown_from(0)
    }

    fn shown_from(&self, number: usize) -> Value {
        let Some(route) = self.routes.get(number) else { return Value::Null };
        let time = |time: Duration| format!("{}ms", time.as_millis());
        let group_by = match &route.group_by {
            GroupBy::All => vec!["...".to_owned()],
            GroupBy::Labels(names) => names.iter().cloned().collect(),
        };
        let mut shown = json!({
            "receiver": route.receiver,
            "group_by": group_by,
            "group_wait": time(route.group_wait),
            "group_interval": time(route.group_interval),
            "repeat_interval": time(route.repeat_interval),
        });
        // The root has none of these.
        if number > 0 {
            shown["matchers"] = route.matchers.iter().map(ToString::to_string).collect();
            shown["continue"] = route.goes_on.into();
        }
        if !route.children.is_empty() {
            shown["routes"] = route.children.iter().map(|child| self.shown_from(*child)).collect();
        }
        shown
    }

    fn descend(&self, number: usize, labels: &impl Labels, found: &mut Vec<usize>) -> bool {
        let Some(route) = self.routes.get(number).filter(|route| all_match(&route.matchers, labels)) else {
            return false;
        };
        let before = found.len();
        for child in &route.children {
            if self.descend(*child, labels, found) && !self.routes[*child].goes_on {
                break;
            }
        }
        if found.len() == before {
            found.push(number);
        }
        true
    }
}
