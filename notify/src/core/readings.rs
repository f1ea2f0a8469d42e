//! What the notifier tells of itself.

use weir_alert::routing::SilenceState;
use weir_alert::states::put_aside;
use weir_sample::{Reading, Timestamp};

use super::lanes::{BOUNDS_S, ChannelStatus, Latencies};
use super::notifier::Notifier;
use crate::keep::Error;

type Labels<'l> = [(&'l str, &'l str); 2];

impl Notifier {
    /// Telemetry. Counters count since the start.
    ///
    /// # Errors
    /// The file.
    pub fn readings(&self, now: Timestamp) -> Result<Vec<Reading>, Error> {
        let letters = self.store.dead_letter_count()? as f64;
        let (alerts, groups) = (self.book.entries.len() as f64, self.groups.all.len() as f64);
        let silences = self.silences.iter().filter(|silence| silence.state(now) == SilenceState::Active).count() as f64;
        let mut readings = vec![
            Reading::gauge("weir_notify_alerts", &[], alerts, ALERTS),
            Reading::gauge("weir_notify_groups", &[], groups, "Groups of alerts that are told together."),
            Reading::gauge("weir_notify_silences", &[], silences, "Silences that hold now."),
            Reading::gauge("weir_notify_dead_letters", &[], letters, LETTERS),
            put_aside(&self.settings.state),
        ];
        for ((receiver, channel), status) in self.channels() {
            of_channel(&[("receiver", &receiver), ("channel", &channel)], &status, now, &mut readings);
        }
        for ((receiver, channel), latencies) in self.lanes.latencies() {
            of_latencies(&[("receiver", receiver), ("channel", channel)], latencies, &mut readings);
        }
        Ok(readings)
    }
}

fn of_channel(labels: &Labels<'_>, status: &ChannelStatus, now: Timestamp, readings: &mut Vec<Reading>) {
    let since = |ms: Option<i64>| ms.map_or(0.0, |ms| now.since(Timestamp(ms)).as_secs_f64());
    readings.extend([
        Reading::counter("weir_notifications_sent_total", labels, status.sent, "Notifications that a channel took."),
        Reading::counter("weir_notifications_failed_total", labels, status.failed, FAILED),
        Reading::counter("weir_notifications_refused_total", labels, status.refused, REFUSED),
        Reading::counter("weir_notifications_withdrawn_total", labels, status.withdrawn, WITHDRAWN),
        Reading::gauge("weir_notifications_waiting", labels, status.waiting as f64, WAITING),
        Reading::gauge("weir_notifications_oldest_waiting_seconds", labels, since(status.waits_since_ms), OLDEST),
    ]);
    if let Some(last) = status.last_sent_ms {
        readings.extend([
            Reading::gauge("weir_notifications_last_timestamp_seconds", labels, last as f64 / 1e3, LAST),
            Reading::gauge("weir_notifications_since_last_seconds", labels, since(Some(last)), SINCE),
        ]);
    }
}

/// As Prometheus writes a histogram.
fn of_latencies(labels: &Labels<'_>, latencies: &Latencies, readings: &mut Vec<Reading>) {
    let bounds = BOUNDS_S.iter().map(u32::to_string).chain(["+Inf".to_owned()]);
    let mut so_far = 0;
    for (bound, count) in bounds.zip(latencies.counts) {
        so_far += count;
        let labels = [labels.as_slice(), &[("le", bound.as_str())]].concat();
        readings.push(Reading::counter("weir_notifications_latency_seconds_bucket", &labels, so_far, LATENCY));
    }
    let sum = Reading::counter("weir_notifications_latency_seconds_sum", labels, 0, LATENCY);
    readings.push(Reading { value: latencies.sum.as_secs_f64(), ..sum });
    readings.push(Reading::counter("weir_notifications_latency_seconds_count", labels, so_far, LATENCY));
}

const ALERTS: &str = "Alerts that the notifier knows, resolved ones until that is told.";
const LETTERS: &str = "Notifications that were refused for good and are kept: mend the cause, then send them again.";
const FAILED: &str = "Tries to send a notification that failed and are made again. The log has the reason.";
const REFUSED: &str = "Notifications that a channel refused for good: dead letters. The log has the channel's answer.";
const WITHDRAWN: &str =
    "Notifications that waited for their channel until a silence, another alert or the hours kept them quiet.";
const WAITING: &str = "Notifications that wait for their channel or are on their way.";
const OLDEST: &str =
    "Age of the oldest notification that waits for this channel; 0 if none does. Grows: the channel does not work.";
const LAST: &str = "When a channel last took a notification.";
const SINCE: &str = "Time since a channel last took a notification.";
const LATENCY: &str = "Time from the making of a notification until its channel took it.";
