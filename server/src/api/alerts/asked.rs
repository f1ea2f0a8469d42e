//! What a request asks for: matchers, a receiver, and which states.

use weir_alert::routing::Matcher;
use weir_alert::routing::matcher::{Operator, read_one};
use weir_notify::AlertView;

use super::way::Refused;
use crate::api::query::Parameters;

/// What is to be shown of alerts.
pub(super) struct Asked {
    pub(super) matchers: Vec<Matcher>,
    receiver: Option<Matcher>,
    active: bool,
    silenced: bool,
    inhibited: bool,
}

impl Asked {
    pub(super) fn of(url: Option<&str>) -> Result<Self, Refused> {
        let parameters = Parameters::of(url, &[]);
        let receiver = parameters.get("receiver").filter(|text| !text.is_empty());
        let receiver = receiver.map(|text| Matcher::new("receiver", Operator::Regex, text)).transpose();
        Ok(Self {
            matchers: matchers(&parameters)?,
            receiver: receiver.map_err(|why| Refused::bad(format!("failed to parse receiver param: {why}")))?,
            active: is_wanted(&parameters, "active")?,
            silenced: is_wanted(&parameters, "silenced")?,
            inhibited: is_wanted(&parameters, "inhibited")?,
        })
    }

    /// Whether a group or an alert of this receiver is wanted.
    pub(super) fn wants_receiver(&self, name: &str) -> bool {
        self.receiver.as_ref().is_none_or(|receiver| receiver.matches(name))
    }

    /// Whether an alert is wanted, as far as its state says.
    pub(super) fn wants(&self, view: &AlertView) -> bool {
        let (silenced, inhibited) = (!view.silenced_by.is_empty(), !view.inhibited_by.is_empty());
        (self.silenced || !silenced) && (self.inhibited || !inhibited) && (self.active || silenced || inhibited)
    }
}

/// The matchers of each `filter`.
pub(super) fn matchers(parameters: &Parameters) -> Result<Vec<Matcher>, Refused> {
    let read = |text: &str| read_one(text).map_err(|why| Refused::bad(format!("bad matcher format: {why}")));
    parameters.all("filter").map(read).collect()
}

/// A yes or no; yes unless it is said.
pub(super) fn is_wanted(parameters: &Parameters, name: &str) -> Result<bool, Refused> {
    match parameters.get(name) {
        None | Some("" | "true" | "1" | "t" | "T" | "TRUE" | "True") => Ok(true),
        Some("false" | "0" | "f" | "F" | "FALSE" | "False") => Ok(false),
        Some(other) => Err(Refused::bad(format!("parameter {name}: {other:?} is neither true nor false"))),
    }
}
