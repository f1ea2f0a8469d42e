//! How far a long command is, on a terminal; nothing at all where standard error is none, or is to be quiet.

use std::io::Read;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How often a spinner turns while nothing else moves.
const TURN: Duration = Duration::from_millis(200);

/// A bar that goes when it is dropped, so that errors and results stand alone.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Work of unknown size: what is done, and since when.
    pub(crate) fn spinning(what: &'static str) -> Self {
        let bar = ProgressBar::new_spinner().with_style(style("{spinner} {msg}, {elapsed}")).with_message(what);
        bar.enable_steady_tick(TURN);
        Self(bar)
    }

    /// Work of that many bytes.
    pub(crate) fn of_bytes(what: &'static str, bytes: u64) -> Self {
        let look = style("{msg} {wide_bar} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left");
        let bar = ProgressBar::new(bytes).with_style(look).with_message(what);
        bar.enable_steady_tick(TURN);
        Self(bar)
    }

    /// Counts what is read through it.
    pub(crate) fn reading<R: Read>(&self, inner: R) -> impl Read + use<R> {
        self.0.wrap_read(inner)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are this file's own.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
