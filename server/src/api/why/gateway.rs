//! What was refused when it was received, as far as this process knows.

use weir_sample::Reading;

use super::report::{State, Step, Verdict};
use super::walk::Walk;
use crate::api::write::Lately;
use crate::clock::in_words;

pub(super) fn look(walk: &Walk<'_>) -> (Step, Option<Verdict>) {
    let asked = &walk.asked;
    let shown = |tenant: u32| walk.asker.tenant().is_none_or(|only| only == tenant);
    let lately: Vec<Lately> = walk.ground.written.lately(&asked.name);
    if let Some(refused) = lately.into_iter().rfind(|refused| shown(refused.tenant)) {
        let ago = in_words(asked.now.since(refused.at));
        let sentence = format!("{ago} ago it was refused: {} ({})", refused.sentence, refused.series);
        return (Step::new("gateway", State::Missing, sentence), Some(Verdict::Refused));
    }
    let readings = (walk.ground.gateway)();
    if readings.is_empty() {
        let sentence = "no gateway runs in this process: its own /metrics has weir_gateway_refused_total and weir_gateway_shed_batches_total";
        return (Step::new("gateway", State::Unknown, sentence), None);
    }
    let refused = if walk.asker.sees_all() { told(&readings) } else { Vec::new() };
    if refused.is_empty() {
        return (Step::new("gateway", State::Passed, "nothing of this name was refused lately"), None);
    }
    let sentence = format!(
        "nothing of this name was refused lately; since its start this gateway has turned away {}",
        refused.join(", ")
    );
    (Step::new("gateway", State::Noted, sentence), None)
}

/// What a gateway has turned away, whosever it was.
fn told(readings: &[Reading]) -> Vec<String> {
    let counted = |name: &'static str, what: &'static str, label: &'static str| {
        let of = readings.iter().filter(move |reading| reading.series.name() == name && reading.value > 0.0);
        of.map(move |reading| {
            let reason = reading.series.label(label).unwrap_or_default();
            format!("{} {what} ({reason})", reading.value)
        })
    };
    let shed = counted("weir_gateway_shed_batches_total", "batches under pressure or over a rate", "lane");
    counted("weir_gateway_refused_total", "datagrams or frames", "reason").chain(shed).collect()
}
