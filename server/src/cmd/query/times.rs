//! Of when a question is, as a person writes it.

use anyhow::{Context, Result, ensure};
use weir_sample::Timestamp;

use crate::api::query::{duration, timestamp};

#[derive(clap::Args)]
pub(super) struct Span {
    /// Evaluate at this time [default: now]. Times are RFC 3339, Unix seconds, `now`, or such as -1h
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, conflicts_with = "start")]
    time: Option<String>,
    /// Evaluate again and again from this time on
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    start: Option<String>,
    /// Until this time [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    end: Option<String>,
    /// In steps of this length, such as 15s [default: what gives 120 points]
    #[arg(long, value_name = "DURATION")]
    step: Option<String>,
}

/// A terminal's width, about: a point more would not be seen.
const POINTS: f64 = 120.0;
/// What is plotted if nothing is said.
const USUAL_S: f64 = 3_600.0;

impl Span {
    /// Start, end and step in seconds, if a range is asked for or `must` be.
    pub(super) fn range(&self, now: Timestamp, must: bool) -> Result<Option<[f64; 3]>> {
        if !must && self.start.is_none() {
            ensure!(
                self.end.is_none() && self.step.is_none(),
                "--end and --step are those of a range: give --start too"
            );
            return Ok(None);
        }
        let end = self.end.as_deref().or(self.time.as_deref()).map_or(Ok(now), |text| read(text, now))?;
        let end_s = end.millis() as f64 / 1e3;
        let start_s = match &self.start {
            Some(text) => read(text, now)?.millis() as f64 / 1e3,
            None => end_s - USUAL_S,
        };
        ensure!(start_s <= end_s, "--start is after --end");
        let step = match &self.step {
            Some(text) => duration(text)
                .with_context(|| format!("--step {text:?} is no duration: write 15s or 5m"))?
                .as_secs_f64(),
            None => ((end_s - start_s) / POINTS).ceil().max(1.0),
        };
        ensure!(step > 0.0, "--step is zero");
        Ok(Some([start_s, end_s, step]))
    }

    /// The one time that is asked for; `None` leaves it to the server.
    pub(super) fn instant(&self, now: Timestamp) -> Result<Option<f64>> {
        self.time.as_deref().map(|text| Ok(read(text, now)?.millis() as f64 / 1e3)).transpose()
    }
}

/// `now`, `now-5m`, `-1h`, Unix seconds or RFC 3339.
pub(crate) fn read(text: &str, now: Timestamp) -> Result<Timestamp> {
    let relative = text.strip_prefix("now").unwrap_or(text);
    if relative.is_empty() && text == "now" {
        return Ok(now);
    }
    let has_unit = relative.ends_with(|c: char| c.is_ascii_alphabetic());
    if let Some(back) = relative.strip_prefix('-').filter(|_| has_unit).and_then(duration) {
        return Ok(now.minus(back));
    }
    timestamp(text)
        .with_context(|| format!("{text:?} is no time: write 2026-11-25T18:00:00Z, Unix seconds, now, or such as -1h"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(10_000_000);

    #[test]
    fn times_are_read() {
        let check = |text: &str, expected: Option<i64>| {
            assert_eq!(read(text, NOW).ok().map(|t| t.millis()), expected, "{text}")
        };
        check("now", Some(10_000_000));
        check("now-10s", Some(9_990_000));
        check("-1h", Some(6_400_000));
        check("-1h30m", Some(4_600_000));
        check("1970-01-01T00:00:01Z", Some(1_000));
        check("12.5", Some(12_500));
        check("-12.5", Some(-12_500));
        check("", None);
        check("yesterday", None);
        check("-1x", None);
    }

    #[test]
    fn a_range_has_its_defaults() {
        let span = |start: Option<&str>, step: Option<&str>| {
            let own = |text: Option<&str>| text.map(str::to_owned);
            Span { time: None, start: own(start), end: None, step: own(step) }
        };
        assert_eq!(span(None, None).range(NOW, false).unwrap(), None);
        assert_eq!(span(None, None).range(NOW, true).unwrap(), Some([6_400.0, 10_000.0, 30.0]));
        assert_eq!(span(Some("-1m"), None).range(NOW, false).unwrap(), Some([9_940.0, 10_000.0, 1.0]));
        assert_eq!(span(Some("-1m"), Some("5s")).range(NOW, false).unwrap(), Some([9_940.0, 10_000.0, 5.0]));
        assert!(span(None, Some("5s")).range(NOW, false).is_err());
        assert!(span(Some("20000"), None).range(NOW, false).is_err());
        assert!(span(Some("-1m"), Some("0")).range(NOW, false).is_err());
    }
}
