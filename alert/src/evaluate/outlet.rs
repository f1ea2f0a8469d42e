//! Where evaluations go: rows to the store, events to whoever tells people.

use super::row::Row;
use crate::event::Event;

/// Takes what evaluations make. What it has taken cannot be lost any more; it may come twice after a crash.
pub trait Outlet {
    /// Takes rows. One that comes twice has the same series, time and value.
    ///
    /// # Errors
    /// Why it cannot now; the same rows will come again.
    fn rows(&mut self, rows: &[Row]) -> Result<(), String>;

    /// Takes events, in order.
    ///
    /// # Errors
    /// Why it cannot now; the same events will come again.
    fn events(&mut self, events: &[Event]) -> Result<(), String>;
}
