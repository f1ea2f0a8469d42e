//! The data of another system: rules ask its Prometheus API, and write to it by remote write.
//!
//! Nobody tells until when its data are complete, so rules look back by `query_offset`.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use weir_alert::evaluate::{Evaluator, Names, Row, Told, Turn};
use weir_formats::remote_write::{Sample, TimeSeries, WriteRequest};
use weir_sample::Timestamp;

use super::interface::{Ground, Out, Rows};
use super::remote::Remote;
use crate::alerting::events::EventLog;
use crate::alerting::standing::Standing;
use crate::cmd::ask::Server;

/// Another system.
pub(in crate::alerting) struct Elsewhere {
    remote: Remote,
    /// Where what rules record goes; `None`: nowhere.
    write: Option<Server>,
    standing: Arc<Standing>,
}

/// How far back groups look that say nothing of it: time for samples to arrive there.
pub(in crate::alerting) const QUERY_OFFSET: Duration = Duration::from_secs(60);

/// Questions under way at once: each waits for an answer by HTTP.
pub(in crate::alerting) const WORKERS: usize = 8;

/// Samples of one request.
const AT_ONCE: usize = 5_000;

impl Elsewhere {
    pub(in crate::alerting) fn new(source: Server, write: Option<Server>, standing: Arc<Standing>) -> Self {
        Self { remote: Remote { server: source }, write, standing }
    }
}

impl Ground for Elsewhere {
    fn read_names(&self, _: Names) {}

    fn told(&mut self, now: Timestamp, _: bool) -> Option<Told> {
        Some(Told::complete_at(now))
    }

    fn turn(&mut self, evaluator: &mut Evaluator, told: &Told, events: &EventLog) -> Turn {
        let rows = Written { write: self.write.as_ref(), standing: &self.standing };
        evaluator.turn(told, &self.remote, &mut Out { rows, events })
    }
}

struct Written<'a> {
    write: Option<&'a Server>,
    standing: &'a Standing,
}

impl Rows for Written<'_> {
    fn take(&mut self, rows: &[Row]) -> Result<(), String> {
        let Some(server) = self.write else { return Ok(()) };
        for rows in rows.chunks(AT_ONCE) {
            let timeseries = rows.iter().map(series).collect();
            let body = WriteRequest { timeseries, metadata: Vec::new() }.write();
            let (status, text) = server.write(&body).map_err(|error| format!("{error:#}"))?;
            match status {
                200..300 => {}
                // It says that this would not be taken the next time either.
                400..500 if status != 429 => {
                    tracing::warn!(status, answer = text.trim(), "what rules recorded was not taken by alerting.write");
                    self.standing.left_out_rows.fetch_add(rows.len() as u64, Relaxed);
                }
                _ => return Err(format!("alerting.write answered {status}: {}", text.trim())),
            }
        }
        Ok(())
    }
}

fn series(row: &Row) -> TimeSeries {
    let samples = vec![Sample { timestamp: row.at.millis(), value: row.value }];
    TimeSeries { samples, ..TimeSeries::named(&row.series) }
}
