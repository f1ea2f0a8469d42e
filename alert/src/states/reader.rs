//! The history on file, read beside whoever writes it.

use redb::{ReadableDatabase, TableDefinition};

use super::error::StateError;
use super::file::{StateReader, there};
use super::history::Entry;

/// Entries by time and a number that tells those of one time apart.
pub(super) const HISTORY: TableDefinition<'_, (i64, u64), &[u8]> = TableDefinition::new("history");

/// Reads what happened to alerts and groups. Clones read the same file.
#[derive(Clone, Debug)]
pub struct History(pub(super) StateReader);

impl History {
    /// Entries of `[from_ms, to_ms]` that `wanted` takes, oldest first, at most so many of the newest.
    ///
    /// # Errors
    /// [`StateError::Failed`].
    pub fn entries(
        &self,
        from_ms: i64,
        to_ms: i64,
        most: usize,
        wanted: impl Fn(&Entry) -> bool,
    ) -> Result<Vec<Entry>, StateError> {
        let mut entries = self.0.run(|database| {
            let reading = database.begin_read()?;
            let Some(history) = there(reading.open_table(HISTORY))? else { return Ok(Vec::new()) };
            let mut found = Vec::new();
            for row in history.range((from_ms, 0)..=(to_ms, u64::MAX))?.rev() {
                let (_, row) = row?;
                let entries: Vec<Entry> = serde_json::from_slice(row.value()).unwrap_or_default();
                found.extend(entries.into_iter().rev().filter(|entry| wanted(entry)).take(most - found.len()));
                if found.len() >= most {
                    break;
                }
            }
            Ok(found)
        })?;
        entries.reverse();
        Ok(entries)
    }
}
