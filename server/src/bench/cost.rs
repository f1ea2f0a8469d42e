//! What a server under load spends, as it tells itself.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::cmd::ask;

/// What a server has spent so far, from its `/metrics`.
pub(super) struct ServerCost {
    pub(super) cpu_s: f64,
    /// Of the threads that receive, open and acknowledge.
    pub(super) gateway_cpu_s: f64,
    pub(super) rss_bytes: f64,
    pub(super) datagrams: f64,
    /// Batches that the sink has stored.
    stored_batches: f64,
    /// Samples that are stored; of a peer too, whose names are in [`STORED`].
    pub(super) stored_samples: f64,
    /// Of the sink's thread.
    pub(super) sink_cpu_s: f64,
    /// How far the sink is behind.
    pub(super) behind_s: f64,
    /// Bytes of the store's files.
    pub(super) store_disk_bytes: f64,
}

/// Where servers tell how many samples they have stored: this one, VictoriaMetrics, Prometheus.
const STORED: [&str; 3] =
    ["weir_sink_samples_total", "vm_rows_inserted_total", "prometheus_tsdb_head_samples_appended_total"];

impl ServerCost {
    /// Reads it when the sink has nothing left to store, or after a minute.
    pub(super) fn settled(server: &str) -> Result<Self> {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut last = Self::read(server)?;
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let now = Self::read(server)?;
            if now.stored_batches == last.stored_batches || Instant::now() > deadline {
                return Ok(now);
            }
            last = now;
        }
    }

    /// What it has spent when so many samples are stored; `None` if that takes too long.
    pub(super) fn when_stored(server: &str, samples: f64, patience: Duration) -> Result<Option<Self>> {
        let deadline = Instant::now() + patience;
        loop {
            let cost = Self::read(server)?;
            if cost.stored_samples >= samples {
                return Ok(Some(cost));
            }
            if Instant::now() > deadline {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    pub(super) fn read(server: &str) -> Result<Self> {
        let text = ask::agent().get(format!("{server}/metrics")).call();
        let text = text.and_then(|mut answer| answer.body_mut().read_to_string());
        let text = text.with_context(|| format!("reading {server}/metrics"))?;
        let sum = |name: &str| -> f64 {
            let lines = text.lines().filter(|line| line.split(['{', ' ']).next() == Some(name));
            lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
        };
        let threads = |name: &str| -> f64 {
            let wanted = format!("weir_thread_cpu_seconds_total{{thread=\"{name}");
            let threads = text.lines().filter(|line| line.starts_with(&wanted));
            threads.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
        };
        Ok(Self {
            gateway_cpu_s: threads("gateway"),
            sink_cpu_s: threads("sink"),
            stored_samples: STORED.iter().map(|name| sum(name)).sum(),
            behind_s: sum("weir_sink_behind_seconds"),
            store_disk_bytes: sum("weir_store_slab_bytes") + sum("weir_store_block_bytes"),
            cpu_s: sum("process_cpu_seconds_total"),
            stored_batches: sum("weir_sink_batches_total"),
            rss_bytes: sum("process_resident_memory_bytes"),
            datagrams: sum("weir_gateway_datagrams_total") + sum("weir_gateway_frames_total"),
        })
    }
}
