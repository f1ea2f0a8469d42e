//! The file and its tables, read.

use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata};
use serde::de::DeserializeOwned;
use weir_alert::event::Event;
use weir_alert::routing::Silence;
use weir_alert::states::{StateFile, open_database};

use super::error::{Error, failed};
use super::records::{DeadLetter, Intent, IntentHead, LogEntry, Sent};
use super::tables::{ALERTS, DEAD_HEADS, HISTORY, INTENTS, LOG, META, Named, SILENCES};
use super::write::Write;

pub(crate) struct Store {
    database: Database,
}

impl Store {
    pub(crate) fn open(file: &StateFile) -> Result<Self, Error> {
        let (database, aside) = open_database(file)?;
        if let Some(aside) = aside {
            tracing::error!(
                file = %aside.display(),
                "the notifier's state was damaged and is put aside: silences are gone, and what fires is told anew"
            );
        }
        let store = Self { database };
        let write = store.write()?;
        write.create_tables()?;
        write.commit()?;
        Ok(store)
    }

    pub(crate) fn write(&self) -> Result<Write, Error> {
        Ok(Write { transaction: self.database.begin_write().map_err(failed)? })
    }

    pub(crate) fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let table = self.database.begin_read().map_err(failed)?.open_table(META).map_err(failed)?;
        Ok(table.get(name).map_err(failed)?.map(|value| value.value().to_vec()))
    }

    pub(crate) fn alerts(&self, mut each: impl FnMut(Event)) -> Result<(), Error> {
        let table = self.database.begin_read().map_err(failed)?.open_table(ALERTS).map_err(failed)?;
        for entry in table.iter().map_err(failed)? {
            each(serde_json::from_slice(entry.map_err(failed)?.1.value())?);
        }
        Ok(())
    }

    pub(crate) fn silences(&self) -> Result<Vec<Silence>, Error> {
        Ok(self.named(SILENCES)?.into_iter().map(|(_, silence)| silence).collect())
    }

    pub(crate) fn log(&self) -> Result<Vec<(String, LogEntry)>, Error> {
        self.named(LOG)
    }

    pub(crate) fn intent(&self, id: u64) -> Result<Option<Intent>, Error> {
        let table = self.database.begin_read().map_err(failed)?.open_table(INTENTS).map_err(failed)?;
        let found = table.get(id).map_err(failed)?;
        found.map(|bytes| Intent::from_bytes(bytes.value()).map_err(Error::from)).transpose()
    }

    pub(crate) fn intent_head(&self, id: u64) -> Result<Option<IntentHead>, Error> {
        let table = self.database.begin_read().map_err(failed)?.open_table(INTENTS).map_err(failed)?;
        let found = table.get(id).map_err(failed)?;
        found.map(|bytes| IntentHead::from_bytes(bytes.value()).map_err(Error::from)).transpose()
    }

    /// Numbers of all intents.
    pub(crate) fn intents(&self) -> Result<Vec<u64>, Error> {
        let table = self.database.begin_read().map_err(failed)?.open_table(INTENTS).map_err(failed)?;
        table.iter().map_err(failed)?.map(|entry| Ok(entry.map_err(failed)?.0.value())).collect()
    }

    pub(crate) fn dead_letters(&self) -> Result<Vec<DeadLetter>, Error> {
        let table = self.database.begin_read().map_err(failed)?.open_table(DEAD_HEADS).map_err(failed)?;
        let entries = table.iter().map_err(failed)?;
        entries.map(|entry| Ok(serde_json::from_slice(entry.map_err(failed)?.1.value())?)).collect()
    }

    pub(crate) fn dead_letter_count(&self) -> Result<u64, Error> {
        let table = self.database.begin_read().map_err(failed)?.open_table(DEAD_HEADS).map_err(failed)?;
        table.len().map_err(failed)
    }

    /// The history from `from_ms` on and before `to_ms`, the newest first, at most `limit` lines.
    pub(crate) fn history(&self, from_ms: i64, to_ms: i64, limit: usize) -> Result<Vec<Sent>, Error> {
        let table = self.database.begin_read().map_err(failed)?.open_table(HISTORY).map_err(failed)?;
        let range = table.range((from_ms, 0)..(to_ms, 0)).map_err(failed)?;
        range.rev().take(limit).map(|entry| Ok(serde_json::from_slice(entry.map_err(failed)?.1.value())?)).collect()
    }

    fn named<T: DeserializeOwned>(&self, definition: Named) -> Result<Vec<(String, T)>, Error> {
        let table = self.database.begin_read().map_err(failed)?.open_table(definition).map_err(failed)?;
        let mut all = Vec::new();
        for entry in table.iter().map_err(failed)? {
            let (name, value) = entry.map_err(failed)?;
            all.push((name.value().to_owned(), serde_json::from_slice(value.value())?));
        }
        Ok(all)
    }
}
