//! The metric that is looked for: its name, what is known of its labels, whose it is, and for when.

use weir_query::{Engine, MatchOp, Matcher, NAME, QueryError};
use weir_sample::{Series, Timestamp};

use crate::api::auth::Caller;
use crate::clock::rfc3339;

/// A selector that names a metric, and what follows from it.
pub(super) struct Asked {
    /// As it was written.
    pub(super) text: String,
    pub(super) name: String,
    pub(super) matchers: Vec<Matcher>,
    /// The name, and the labels of which the value is said.
    pub(super) known: Series,
    /// Labels that it is said not to have.
    pub(super) absent: Vec<String>,
    /// Whose it is: as the token says, else as the selector does.
    pub(super) tenant: u32,
    /// When it is missing.
    pub(super) at: Timestamp,
    pub(super) now: Timestamp,
}

/// The label that says whose a series is.
pub(super) const TENANT: &str = "tenant";

impl Asked {
    pub(super) fn read(
        engine: &Engine,
        text: &str,
        at: Option<Timestamp>,
        now: Timestamp,
        caller: &Caller,
    ) -> Result<Self, QueryError> {
        let refused = |why: &str| QueryError::Parameter(format!("invalid parameter \"match[]\": {why}"));
        if text.is_empty() {
            return Err(refused("it is missing: give a selector such as up{host=\"a\"}"));
        }
        // A name as a client spells it, such as `k6.http_reqs`, is no PromQL, and is what people have at hand.
        let quoted =
            || if text.contains(['{', '(', '"']) { None } else { engine.selector(&format!("{{{text:?}}}")).ok() };
        let matchers = engine.selector(text).or_else(|error| quoted().ok_or(error));
        let matchers = matchers.map_err(|error| refused(&error.to_string()))?;
        let name = matchers.iter().find(|matcher| matcher.label() == NAME && matcher.op() == MatchOp::Equal);
        let name = name.filter(|name| !name.value().is_empty());
        let name = name.ok_or_else(|| refused("it names no metric: one is followed, such as up{host=\"a\"}"))?.value();
        let equal = matchers.iter().filter(|matcher| matcher.op() == MatchOp::Equal && matcher.label() != NAME);
        let (lacking, said): (Vec<&Matcher>, Vec<&Matcher>) = equal.partition(|matcher| matcher.value().is_empty());
        let known = Series::new(name, said.iter().map(|matcher| (matcher.label(), matcher.value())));
        let named = known.label(TENANT).and_then(|tenant| tenant.parse().ok());
        Ok(Self {
            text: text.to_owned(),
            name: name.to_owned(),
            absent: lacking.iter().map(|matcher| matcher.label().to_owned()).collect(),
            tenant: caller.tenant().or(named).unwrap_or(0),
            at: at.map_or(now, |at| at.min(now)),
            known,
            matchers,
            now,
        })
    }

    /// The series as it was sent: without the label that the server adds.
    pub(super) fn sent(&self) -> Series {
        self.known.with_label(TENANT, "")
    }

    /// Conditions on a label.
    pub(super) fn on<'a>(&'a self, label: &'a str) -> impl Iterator<Item = &'a Matcher> {
        self.matchers.iter().filter(move |matcher| matcher.label() == label)
    }

    /// The conditions on labels as PromQL writes them, each after a comma.
    pub(super) fn conditions_on(&self, label: &str) -> String {
        self.on(label).map(|matcher| format!(",{label}{}{:?}", matcher.op().text(), matcher.value())).collect()
    }

    /// The time of the question, for people.
    pub(super) fn when(&self) -> String {
        rfc3339(self.at)
    }
}
