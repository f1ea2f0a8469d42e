//! Who watches the watcher: an address that is asked as long as rules are evaluated and people can be told. Whoever is there raises
//! an alarm when it is not asked any more: a heartbeat service, or another Weir.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::time::sleep;
use weir_alert::routing::Secret;
use weir_alert::routing::channel::Client;
use weir_notify::{Codes, HttpRequest, Outcome, Request, Sender, Source};
use weir_sample::Reading;

use super::evaluating::Signals;
use super::standing::Standing;
use super::told::Told;
use crate::clock::now;

/// The address and how asking it went.
pub(crate) struct Heartbeat {
    /// Such addresses mostly have a token in them.
    url: Secret,
    last_ms: AtomicI64,
    failures: AtomicU64,
}

/// Time between two beats: services take a minute of silence for the end at the least.
const EVERY: Duration = Duration::from_secs(15);
/// Time that an answer may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Pause between two looks at whether to beat.
const LOOK: Duration = Duration::from_millis(200);

impl Heartbeat {
    pub(super) fn new(url: Secret) -> Self {
        Self { url, last_ms: AtomicI64::new(0), failures: AtomicU64::new(0) }
    }

    /// Beats until it is told to stop, and only while both get on.
    pub(super) async fn beat(&self, standing: &Standing, told: &Told, signals: &Arc<Signals>) {
        let (sender, mut beat_at) = (Sender::default(), None::<Instant>);
        let mut fails = false;
        while !signals.stopping.load(std::sync::atomic::Ordering::Acquire) {
            let is_due = beat_at.is_none_or(|at| at.elapsed() >= EVERY);
            if is_due && is_alive(standing, told) {
                beat_at = Some(Instant::now());
                match sender.send(self.request()).await {
                    Outcome::Told => {
                        self.last_ms.store(now().millis(), Relaxed);
                        fails = false;
                    }
                    Outcome::Failed { why, .. } | Outcome::Refused(why) => {
                        self.failures.fetch_add(1, Relaxed);
                        if !std::mem::replace(&mut fails, true) {
                            tracing::warn!(why, "the heartbeat of alerting is not taken; it is tried every 15 s");
                        }
                    }
                }
            }
            sleep(LOOK).await;
        }
    }

    fn request(&self) -> Request {
        Request::Http(Box::new(HttpRequest {
            method: "GET".into(),
            url: Source::Text(self.url.clone()),
            headers: Vec::new(),
            body: Vec::new(),
            body_secret: None,
            codes: Codes::default(),
            timeout: TIMEOUT,
            client: Client::default(),
        }))
    }

    pub(super) fn readings(&self) -> Vec<Reading> {
        let last = self.last_ms.load(Relaxed) as f64 / 1e3;
        vec![
            Reading::gauge("weir_alert_heartbeat_timestamp_seconds", &[], last, LAST),
            Reading::counter("weir_alert_heartbeat_failures_total", &[], self.failures.load(Relaxed), FAILURES),
        ]
    }
}

/// Whether rules are evaluated over data that are complete nearly to now, and people can be told of what comes of it.
fn is_alive(standing: &Standing, told: &Told) -> bool {
    standing.trouble().is_none() && told.gets_on()
}

const LAST: &str =
    "When the heartbeat was last taken. Stands still: alerting stands (see /readyz), or the address does not answer.";
const FAILURES: &str = "Heartbeats that alerting.heartbeat did not take. The log has the reason.";

#[cfg(test)]
mod tests {
    use std::io::Error;

    use super::*;

    #[test]
    fn the_heart_beats_while_both_get_on_and_not_when_one_stands() {
        let (standing, told) = (Standing::new(), Told::new());
        let check = |alive: bool, what: &str| assert_eq!(is_alive(&standing, &told), alive, "{what}");
        check(false, "nothing is known yet");
        standing.turned(Some(now()));
        check(false, "the notifier never answered");
        told.note_readings(Vec::new());
        check(true, "both get on");
        standing.health.failed(&Error::other("no space"));
        check(false, "states cannot be written");
        standing.health.works();
        told.health.failed(&Error::other("no space"));
        check(false, "nobody can be told");
        told.health.works();
        check(true, "both get on again");
        standing.turned(Some(now().minus(Duration::from_secs(600))));
        check(false, "data are far behind");
    }
}
