//! Lines read before they are sent, as an agent or gateway reads them.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use weir_sample::{Series, Timestamp, Window};
use weir_statsd::{Aggregator, AggregatorConfig};

/// The series that lines make.
///
/// # Errors
/// Each line that is none, and why.
pub(super) fn series(lines: &[&str]) -> Result<Vec<Series>> {
    let mut aggregator = Aggregator::new(AggregatorConfig::default());
    let mut refused = BTreeMap::new();
    for (at, line) in lines.iter().enumerate() {
        aggregator.receive(line.as_bytes(), |why| _ = refused.insert(at, why.reason.to_string()));
    }
    if let (1, Some((at, why))) = (refused.len(), refused.first_key_value()) {
        bail!("nothing was sent: line {} of {} is wrong: {:?}: {why}", at + 1, lines.len(), lines[*at]);
    }
    if !refused.is_empty() {
        let shown =
            refused.iter().take(MOST_SHOWN).map(|(at, why)| format!("\n  line {}: {:?}: {why}", at + 1, lines[*at]));
        let (count, shown) = (refused.len(), shown.collect::<String>());
        bail!("nothing was sent: {count} of {} lines are wrong{shown}", lines.len());
    }
    let window = Window::containing(Timestamp::from_secs(0), WINDOW);
    Ok(aggregator.close(window).into_iter().map(|(series, _)| series).collect())
}

/// Any: only the series are wanted.
const WINDOW: std::time::Duration = std::time::Duration::from_secs(10);
const MOST_SHOWN: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_line_is_told_with_its_number() {
        let told = series(&["a:1|c", "b:x|c", "c"]).unwrap_err().to_string();
        assert!(told.starts_with("nothing was sent: 2 of 3 lines are wrong\n  line 2: \"b:x|c\": "), "{told}");
        assert!(told.contains("\n  line 3: \"c\": "), "{told}");
    }

    #[test]
    fn lines_are_the_series_that_a_query_finds() {
        let names: Vec<String> =
            series(&["jobs.done:1|c|#queue:mail"]).unwrap().iter().map(|one| one.name().to_owned()).collect();
        assert_eq!(names, ["jobs_done"]);
    }
}
