//! Who sends what is refused: for each reason a line with addresses, at once and then once a minute.
//!
//! What did not open may come from anybody under any address, so there is room for a few addresses per reason, whatever comes.

use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use weir_wire::Refusal;

/// By reason: what has come since the last line.
#[derive(Debug, Default)]
pub(crate) struct Refusers(Mutex<Vec<Refused>>);

#[derive(Debug)]
struct Refused {
    reason: &'static str,
    told: Instant,
    count: u64,
    sources: Vec<IpAddr>,
}

const EVERY: Duration = Duration::from_secs(60);
const MAX_SOURCES: usize = 16;
/// Reasons of the wire, and the clock's.
const MAX_REASONS: usize = Refusal::ALL.len() + 1;

impl Refusers {
    /// Notes a refused datagram, and says so if it is time. A thread that would have to wait for another notes nothing: under a
    /// flood one in so many is enough.
    pub(crate) fn note(&self, reason: &'static str, source: IpAddr, now: Instant) {
        let Ok(mut reasons) = self.0.try_lock() else { return };
        if let Some(Line { count, sources }) = note(&mut reasons, reason, source, now) {
            tracing::warn!(reason, count, ?sources, "datagrams are refused; what to do is in docs/operations.md");
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Line {
    count: u64,
    sources: Vec<IpAddr>,
}

fn note(reasons: &mut Vec<Refused>, reason: &'static str, source: IpAddr, now: Instant) -> Option<Line> {
    let Some(refused) = reasons.iter_mut().find(|refused| refused.reason == reason) else {
        if reasons.len() == MAX_REASONS {
            return None;
        }
        reasons.push(Refused { reason, told: now, count: 0, sources: Vec::new() });
        return Some(Line { count: 1, sources: vec![source] });
    };
    refused.count += 1;
    if refused.sources.len() < MAX_SOURCES && !refused.sources.contains(&source) {
        refused.sources.push(source);
    }
    if now.saturating_duration_since(refused.told) < EVERY {
        return None;
    }
    refused.told = now;
    Some(Line { count: std::mem::take(&mut refused.count), sources: std::mem::take(&mut refused.sources) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_line_a_minute_with_a_few_of_the_sources() {
        let (mut reasons, start) = (Vec::new(), Instant::now());
        let ip = |number: u32| IpAddr::from(number.to_be_bytes());
        let mut check = |reason, source, second, expected: Option<(u64, usize)>| {
            let line = note(&mut reasons, reason, ip(source), start + Duration::from_secs(second));
            assert_eq!(line.map(|line| (line.count, line.sources.len())), expected, "{reason} at {second}");
            assert!(reasons.iter().all(|refused| refused.sources.len() <= MAX_SOURCES));
        };
        check("tag", 1, 0, Some((1, 1)));
        check("unknown_key", 1, 1, Some((1, 1)));
        (2..1_000).for_each(|source| check("tag", source, 59, None));
        check("tag", 1_000, 60, Some((999, MAX_SOURCES)));
        check("tag", 1_001, 119, None);
        check("tag", 1_001, 120, Some((2, 1)));
    }
}
