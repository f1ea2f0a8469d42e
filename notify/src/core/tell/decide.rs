//! Whether a channel is to hear of a group now; the rules are Alertmanager's.

use weir_sample::Timestamp;

use crate::keep::{LogEntry, Reason};

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Nothing,
    /// Nobody is told, but what the channel was last told is taken as this.
    Note,
    Tell(Reason),
}

/// What there is to tell, sorted, and how the channel wants it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now<'n> {
    pub(super) firing: &'n [u64],
    pub(super) resolved: &'n [u64],
    pub(super) sends_resolved: bool,
    pub(super) now: Timestamp,
    pub(super) repeat: std::time::Duration,
}

pub(super) fn decide(last: Option<&LogEntry>, now: Now<'_>) -> Decision {
    let Some(last) = last else {
        return if now.firing.is_empty() { Decision::Nothing } else { Decision::Tell(Reason::FirstNotification) };
    };
    if !is_subset(now.firing, &last.firing) {
        return Decision::Tell(Reason::NewAlertsInGroup);
    }
    if now.firing.is_empty() {
        return match (last.firing.is_empty(), now.sends_resolved) {
            (true, _) => Decision::Nothing,
            (false, true) => Decision::Tell(Reason::AllAlertsResolved),
            (false, false) => Decision::Note,
        };
    }
    if now.sends_resolved && !is_subset(now.resolved, &last.resolved) {
        return Decision::Tell(Reason::NewResolvedAlerts);
    }
    if now.now.is_due(Timestamp(last.sent_ms), now.repeat) {
        Decision::Tell(Reason::RepeatInterval)
    } else {
        Decision::Nothing
    }
}

/// Whether all of `some` are in `all`; both are sorted.
fn is_subset(some: &[u64], all: &[u64]) -> bool {
    some.iter().all(|one| all.binary_search(one).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn check(
        last: Option<(&[u64], &[u64])>,
        firing: &[u64],
        resolved: &[u64],
        sends_resolved: bool,
        at_s: i64,
        expected: Decision,
    ) {
        let last =
            last.map(|(firing, resolved)| LogEntry { sent_ms: 0, firing: firing.into(), resolved: resolved.into() });
        let now =
            Now { firing, resolved, sends_resolved, now: Timestamp::from_secs(at_s), repeat: Duration::from_secs(100) };
        assert_eq!(decide(last.as_ref(), now), expected, "{last:?} {now:?}");
    }

    #[test]
    fn channels_hear_of_what_changed() {
        use Decision::{Note, Nothing, Tell};
        check(None, &[1], &[], true, 1, Tell(Reason::FirstNotification));
        check(None, &[], &[1], true, 1, Nothing);
        check(Some((&[1], &[])), &[1], &[], true, 1, Nothing);
        check(Some((&[1], &[])), &[1, 2], &[], true, 1, Tell(Reason::NewAlertsInGroup));
        check(Some((&[1, 2], &[])), &[1], &[2], true, 1, Tell(Reason::NewResolvedAlerts));
        check(Some((&[1, 2], &[])), &[1], &[2], false, 1, Nothing);
        check(Some((&[1], &[])), &[], &[1], true, 1, Tell(Reason::AllAlertsResolved));
        check(Some((&[1], &[])), &[], &[1], false, 1, Note);
        check(Some((&[], &[1])), &[], &[1], true, 1000, Nothing);
        check(Some((&[1], &[])), &[1], &[], true, 99, Nothing);
        check(Some((&[1], &[])), &[1], &[], true, 100, Tell(Reason::RepeatInterval));
        check(Some((&[1], &[2])), &[1], &[2], true, 1, Nothing);
    }
}
