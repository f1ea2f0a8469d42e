//! What was found out, for programs and for people.

use serde_json::{Value, json};

use super::asked::Asked;

/// What a station says of the metric.
pub(super) struct Step {
    station: &'static str,
    state: State,
    sentence: String,
}

/// How the metric stands with a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing there keeps it.
    Passed,
    /// It waits there.
    Held,
    /// It ends there, in whole or in part.
    Missing,
    /// Something there is worth a look.
    Noted,
    /// The station is not in this process, or too busy to say.
    Unknown,
}

/// Why it is missing, if it is. In a row of several the first explains the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Stored,
    Stale,
    PastRetention,
    Denied,
    Renamed,
    Relabelled,
    Folded,
    /// Over a limit, and of a protocol whose series are not folded.
    OverLimit,
    Refused,
    Queued,
    /// Its agent holds batches that no gateway has taken.
    Spooled,
    Silent,
    /// No agent of its host is known.
    NoAgent,
    AgentLimit,
    OtherTenant,
    OtherLabels,
    NeverSeen,
}

/// The whole answer.
pub(super) struct Report {
    selector: String,
    name: String,
    at: f64,
    verdict: Verdict,
    steps: Vec<Step>,
    /// Selectors that may have been meant.
    suggestions: Vec<String>,
}

impl Step {
    pub(super) fn new(station: &'static str, state: State, sentence: impl Into<String>) -> Self {
        Self { station, state, sentence: sentence.into() }
    }
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Held => "held",
            Self::Missing => "missing",
            Self::Noted => "noted",
            Self::Unknown => "unknown",
        }
    }
}

impl Verdict {
    /// The word, the station that it is about, and what it says of a metric.
    const fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Stored => ("stored", "store", "is stored, and new samples come"),
            Self::Stale => ("stale", "store", "is stored, but nothing new has come"),
            Self::PastRetention => ("past_retention", "retention", "was not kept for so long"),
            Self::Denied => ("denied", "rules", "is left out by a rule"),
            Self::Renamed => ("renamed", "rules", "is stored under another name"),
            Self::Relabelled => ("relabelled", "rules", "is stored with other labels, by a rule"),
            Self::Folded => ("folded", "limits", "is over a limit of series and counts in another"),
            Self::OverLimit => ("over_limit", "limits", "is over a limit of series and left out"),
            Self::Refused => ("refused", "gateway", "was refused when it was received"),
            Self::Queued => ("queued", "queue", "may be received already, and is not stored yet"),
            Self::Spooled => ("spooled", "sender", "may wait on its agent's disk"),
            Self::Silent => ("silent", "sender", "is of a host that does not send"),
            Self::NoAgent => ("no_agent", "sender", "is of a host that no agent sends from"),
            Self::AgentLimit => ("agent_limit", "sender", "is over its agent's limit of series and counts in another"),
            Self::OtherTenant => ("other_tenant", "store", "is not this tenant's"),
            Self::OtherLabels => ("other_labels", "store", "is stored, with other labels than these"),
            Self::NeverSeen => ("never_seen", "sender", "has never been seen here"),
        }
    }
}

impl Report {
    pub(super) fn new(asked: &Asked, verdict: Verdict, steps: Vec<Step>, suggestions: Vec<String>) -> Self {
        let (selector, name, at) = (asked.text.clone(), asked.name.clone(), asked.at.as_secs_f64());
        Self { selector, name, at, verdict, steps, suggestions }
    }

    pub(super) fn json(&self) -> Value {
        let (word, station, said) = self.verdict.words();
        let steps = self
            .steps
            .iter()
            .map(|step| json!({ "station": step.station, "state": step.state.word(), "sentence": step.sentence }));
        let data = json!({
            "selector": self.selector,
            "metric": self.name,
            "time": self.at,
            "verdict": word,
            "station": station,
            "sentence": format!("{} {said}", self.selector),
            "steps": steps.collect::<Vec<_>>(),
            "suggestions": self.suggestions,
        });
        json!({ "status": "success", "data": data })
    }
}
