//! What each part of the host's metrics is.

use super::Points;

/// Something of the host that is read once per window.
pub(super) trait Collector: Send {
    fn collect(&mut self, points: &mut Points<'_>);

    /// Parts of it that hang, while it goes on without them.
    fn hung(&self) -> Vec<String> {
        Vec::new()
    }
}
