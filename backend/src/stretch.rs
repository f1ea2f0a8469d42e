//! Which stretch of time is sent next.

use std::time::Duration;

use weir_sample::Timestamp;

use crate::config::BackendConfig;
use crate::progress::Progress;

/// A backend that is behind is sent so much at once: what is read and cut again after a crash.
const MOST: Duration = Duration::from_secs(60);

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// Everything after this instant…
    pub after: Timestamp,
    /// … and up to this one.
    pub until: Timestamp,
    /// Seconds before it that are skipped.
    pub skipped: u64,
}

/// The next stretch as data are `complete`; `None` if it is not time yet.
pub(crate) fn next(config: &BackendConfig, progress: &Progress, complete: Timestamp) -> Option<Stretch> {
    let step = config.tier.millis().max(1);
    // Points of a tier stand at its ends.
    let complete = Timestamp(complete.millis().div_euclid(step) * step);
    let Some(passed) = progress.passed else {
        // A new backend begins with what comes.
        return Some(Stretch { after: complete, until: complete, skipped: 0 });
    };
    if let Some(until) = progress.until {
        return Some(Stretch { after: passed, until, skipped: 0 });
    }
    let mut after = passed;
    if !config.backlog.is_zero() {
        after = after.max(complete.minus(config.backlog));
        after = Timestamp(after.millis().div_euclid(step) * step).max(passed);
    }
    let due = complete.since(after) >= config.every && complete > after;
    let most = MOST.max(Duration::from_millis(step as u64));
    let until = complete.min(after.plus(most));
    due.then(|| Stretch { after, until, skipped: after.since(passed).as_secs() })
}

#[cfg(test)]
pub(crate) mod tests {
    use weir_store::Tier;

    use super::*;
    use crate::config::{Auth, Format, Tenants, Tls};

    pub(crate) fn config(every: u64, backlog: u64, tier: Tier) -> BackendConfig {
        BackendConfig {
            name: "b".into(),
            format: Format::RemoteWrite,
            url: "http://127.0.0.1:1".into(),
            tenants: Tenants::default(),
            tier,
            histograms: crate::config::Histograms::Auto,
            matching: Vec::new(),
            every: Duration::from_secs(every),
            backlog: Duration::from_secs(backlog),
            batch: 100,
            lanes: 1,
            timeout: Duration::from_secs(1),
            headers: Vec::new(),
            auth: Auth::None,
            tls: Tls::default(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_secs(second)
    }

    #[test]
    fn stretches_follow_each_other_and_none_is_cut_twice() {
        let raw = config(15, 0, Tier::Raw);
        let place = |passed: i64, until: Option<i64>| Progress {
            passed: Some(at(passed)),
            until: until.map(at),
            ..Progress::default()
        };
        let stretch = |after, until| Some(Stretch { after: at(after), until: at(until), skipped: 0 });
        assert_eq!(next(&raw, &Progress::default(), at(1_000)), stretch(1_000, 1_000));
        assert_eq!(next(&raw, &place(1_000, None), at(1_014)), None);
        assert_eq!(next(&raw, &place(1_000, None), at(1_015)), stretch(1_000, 1_015));
        assert_eq!(next(&raw, &place(1_000, None), at(5_000)), stretch(1_000, 1_060), "piece by piece");
        assert_eq!(
            next(&raw, &place(1_000, Some(1_015)), at(5_000)),
            stretch(1_000, 1_015),
            "that of before the crash"
        );
        assert_eq!(next(&raw, &place(1_000, None), at(900)), None, "a watermark that is back");
        let minutes = config(15, 0, Tier::Minute);
        assert_eq!(next(&minutes, &place(960, None), at(1_019)), None);
        assert_eq!(next(&minutes, &place(960, None), at(1_020)), stretch(960, 1_020));
    }

    #[test]
    fn what_is_older_than_the_backlog_is_skipped_and_counted() {
        let raw = config(15, 600, Tier::Raw);
        let progress = Progress { passed: Some(at(1_000)), ..Progress::default() };
        let stretch = next(&raw, &progress, at(3_000)).unwrap();
        assert_eq!((stretch.after, stretch.until, stretch.skipped), (at(2_400), at(2_460), 1_400));
    }
}
