//! What the store reports of itself.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use weir_sample::Reading;

use crate::head::group::Appended;

/// Counted by whoever does the work, read by any thread.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub samples: AtomicU64,
    pub late_deltas: AtomicU64,
    pub out_of_order: AtomicU64,
    pub histograms: AtomicU64,
    pub chunks_sealed: AtomicU64,
    pub checkpoints: AtomicU64,
    pub checkpoint_failures: AtomicU64,
    pub checkpoint_micros: AtomicU64,
    pub flushes: AtomicU64,
    pub compactions: AtomicU64,
    pub maintenance_failures: AtomicU64,
    pub series_forgotten: AtomicU64,
    pub blocks_deleted: AtomicU64,
}

impl Counters {
    pub(crate) fn count(&self, appended: &Appended) {
        self.samples.fetch_add(u64::from(appended.samples + appended.out_of_order), Relaxed);
        if appended.late_deltas > 0 {
            self.late_deltas.fetch_add(appended.late_deltas.into(), Relaxed);
        }
        if appended.out_of_order > 0 {
            self.out_of_order.fetch_add(appended.out_of_order.into(), Relaxed);
        }
    }

    pub(crate) fn readings(&self) -> Vec<Reading> {
        let counter = |name, value: &AtomicU64, help| Reading::counter(name, &[], value.load(Relaxed), help);
        let checkpoint_seconds = self.checkpoint_micros.load(Relaxed) as f64 / 1e6;
        vec![
            counter("weir_store_samples_total", &self.samples, "Samples written."),
            counter("weir_store_histograms_total", &self.histograms, "Histograms written."),
            counter(
                "weir_store_late_deltas_total",
                &self.late_deltas,
                "Counter deltas that came after a later window; the total is right, its growth is seen one window late.",
            ),
            counter("weir_store_out_of_order_total", &self.out_of_order, "Samples stored behind a later one."),
            counter("weir_store_chunks_sealed_total", &self.chunks_sealed, "Chunks moved from memory to files."),
            counter("weir_store_checkpoints_total", &self.checkpoints, "Checkpoints made."),
            counter(
                "weir_store_checkpoint_failures_total",
                &self.checkpoint_failures,
                "Checkpoints that failed. The store refuses writes until its sink has opened it again; free or repair the disk.",
            ),
            Reading::gauge("weir_store_checkpoint_seconds", &[], checkpoint_seconds, "Time the last checkpoint took."),
            counter("weir_store_flushes_total", &self.flushes, "Windows moved from slabs to blocks."),
            counter("weir_store_compactions_total", &self.compactions, "Times blocks were merged into a larger one."),
            counter(
                "weir_store_maintenance_failures_total",
                &self.maintenance_failures,
                "Flushes, compactions or deletions that failed and will be tried again. See the log and the disk.",
            ),
            counter("weir_store_series_forgotten_total", &self.series_forgotten, "Idle series that left memory."),
            counter("weir_store_blocks_deleted_total", &self.blocks_deleted, "Blocks deleted by retention."),
        ]
    }
}
