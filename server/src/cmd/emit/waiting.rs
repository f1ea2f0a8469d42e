//! Until when what was sent can be read: its window has to end, to arrive, and to be whole.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use weir_files::{say, tell};
use weir_sample::{Series, Timestamp};

use crate::cmd::ask::Server;

const PAUSE: Duration = Duration::from_millis(500);
/// More series are not asked for one by one; the first stand for all.
const MOST_ASKED: usize = 20;

/// Asks until a server has a point of each series of a window that ended after `sent_at`; says so of each.
pub(super) fn until_readable(server: &Server, series: &[Series], sent_at: Timestamp, patience: Duration) -> Result<()> {
    let started = Instant::now();
    let mut waiting: Vec<String> = series.iter().take(MOST_ASKED).map(selector).collect();
    tell!(
        "sent; waiting for up to {} s until it can be read: its window has to end, to arrive, and to be whole",
        patience.as_secs()
    );
    while !waiting.is_empty() {
        let mut left = Vec::new();
        for selector in waiting {
            let newest = format!("max(timestamp({selector}))");
            let answer = server.instant(&newest, None)?;
            let newest = answer["data"]["result"][0]["value"][1].as_str().and_then(|text| text.parse::<f64>().ok());
            if newest.is_some_and(|newest| newest * 1e3 > sent_at.millis() as f64) {
                say!("{selector} can be read, {:.0} s after it was sent", started.elapsed().as_secs_f64());
            } else {
                left.push(selector);
            }
        }
        waiting = left;
        if started.elapsed() > patience {
            bail!(
                "after {} s there is still no answer to {}: does an agent or gateway listen where it was sent, and is this \
                 the server that it pushes to?",
                patience.as_secs(),
                waiting.join(", ")
            );
        }
        if !waiting.is_empty() {
            std::thread::sleep(PAUSE);
        }
    }
    Ok(())
}

/// As PromQL selects it; more labels, such as the host's, may be there.
fn selector(series: &Series) -> String {
    let labels: Vec<String> = series.labels().map(|(name, value)| format!("{name}={value:?}")).collect();
    if labels.is_empty() { series.name().to_owned() } else { format!("{}{{{}}}", series.name(), labels.join(",")) }
}
