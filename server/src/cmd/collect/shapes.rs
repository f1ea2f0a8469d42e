//! Targets in the shapes of Prometheus' API.

use serde_json::{Value, json};
use weir_pull::{DroppedTarget, TargetState};

use crate::clock::rfc3339;

/// An active target. `scrapedBy` and `health` `elsewhere` are Weir's own: another collector asks it and knows how it is.
pub(super) fn target(target: &TargetState) -> Value {
    let last = target.last.as_ref();
    let error = last.and_then(|last| last.error.as_deref());
    let health = match (target.is_ours, last) {
        (false, _) => "elsewhere",
        (true, None) => "unknown",
        (true, Some(_)) if error.is_some() => "down",
        (true, Some(_)) => "up",
    };
    json!({
        "discoveredLabels": target.discovered,
        "labels": target.labels,
        "scrapePool": target.job,
        "scrapeUrl": target.url,
        "globalUrl": target.url,
        "lastError": error.unwrap_or_default(),
        "lastScrape": last.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |last| rfc3339(last.time)),
        "lastScrapeDuration": last.map_or(0.0, |last| last.took.as_secs_f64()),
        "health": health,
        "scrapeInterval": weir_sample::write_duration(target.interval),
        "scrapeTimeout": weir_sample::write_duration(target.timeout),
        "scrapedBy": target.scraped_by,
    })
}

/// An address that relabelling drops.
pub(super) fn dropped(target: &DroppedTarget) -> Value {
    json!({
        "discoveredLabels": target.discovered,
        "scrapePool": target.job,
        "reason": "relabel_configs drop it",
    })
}
