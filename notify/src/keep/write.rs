//! One transaction: all of it lasts or nothing.

use redb::WriteTransaction;
use weir_alert::event::Event;
use weir_alert::routing::Silence;

use super::error::{Error, failed};
use super::records::{DeadLetter, Intent, LogEntry, Sent};
use super::tables::{ALERTS, DEAD, DEAD_HEADS, HISTORY, INTENTS, LOG, META, SILENCES};
use crate::held::Key;

pub(crate) struct Write {
    pub(super) transaction: WriteTransaction,
}

impl Write {
    pub(super) fn create_tables(&self) -> Result<(), Error> {
        self.transaction.open_table(ALERTS).map_err(failed)?;
        self.transaction.open_table(HISTORY).map_err(failed)?;
        for table in [SILENCES, LOG, META] {
            self.transaction.open_table(table).map_err(failed)?;
        }
        for table in [INTENTS, DEAD, DEAD_HEADS] {
            self.transaction.open_table(table).map_err(failed)?;
        }
        Ok(())
    }

    pub(crate) fn commit(self) -> Result<(), Error> {
        self.transaction.commit().map_err(failed)
    }

    pub(crate) fn set_meta(&self, name: &str, value: &[u8]) -> Result<(), Error> {
        self.transaction.open_table(META).map_err(failed)?.insert(name, value).map_err(failed)?;
        Ok(())
    }

    pub(crate) fn put_alerts<'e>(&self, events: impl IntoIterator<Item = (Key, &'e Event)>) -> Result<(), Error> {
        let mut table = self.transaction.open_table(ALERTS).map_err(failed)?;
        for (key, event) in events {
            table.insert(key, serde_json::to_vec(event)?.as_slice()).map_err(failed)?;
        }
        Ok(())
    }

    pub(crate) fn forget_alerts(&self, keys: &[Key]) -> Result<(), Error> {
        let mut table = self.transaction.open_table(ALERTS).map_err(failed)?;
        for key in keys {
            table.remove(key).map_err(failed)?;
        }
        Ok(())
    }

    pub(crate) fn put_silence(&self, silence: &Silence) -> Result<(), Error> {
        let mut table = self.transaction.open_table(SILENCES).map_err(failed)?;
        table.insert(silence.id.as_str(), serde_json::to_vec(silence)?.as_slice()).map_err(failed)?;
        Ok(())
    }

    pub(crate) fn forget_silence(&self, id: &str) -> Result<(), Error> {
        self.transaction.open_table(SILENCES).map_err(failed)?.remove(id).map_err(failed)?;
        Ok(())
    }

    pub(crate) fn put_log(&self, name: &str, entry: &LogEntry) -> Result<(), Error> {
        let mut table = self.transaction.open_table(LOG).map_err(failed)?;
        table.insert(name, serde_json::to_vec(entry)?.as_slice()).map_err(failed)?;
        Ok(())
    }

    pub(crate) fn forget_log(&self, name: &str) -> Result<(), Error> {
        self.transaction.open_table(LOG).map_err(failed)?.remove(name).map_err(failed)?;
        Ok(())
    }

    pub(crate) fn put_intent(&self, id: u64, intent: &Intent) -> Result<(), Error> {
        let mut table = self.transaction.open_table(INTENTS).map_err(failed)?;
        table.insert(id, intent.to_bytes()?.as_slice()).map_err(failed)?;
        Ok(())
    }

    pub(crate) fn forget_intent(&self, id: u64) -> Result<(), Error> {
        self.transaction.open_table(INTENTS).map_err(failed)?.remove(id).map_err(failed)?;
        Ok(())
    }

    /// An intent that nobody took is put aside.
    pub(crate) fn bury(&self, letter: &DeadLetter, intent: &Intent) -> Result<(), Error> {
        self.forget_intent(letter.id)?;
        let mut table = self.transaction.open_table(DEAD).map_err(failed)?;
        table.insert(letter.id, intent.to_bytes()?.as_slice()).map_err(failed)?;
        let mut heads = self.transaction.open_table(DEAD_HEADS).map_err(failed)?;
        heads.insert(letter.id, serde_json::to_vec(letter)?.as_slice()).map_err(failed)?;
        Ok(())
    }

    /// A dead letter becomes an intent again; false if there is none of this number.
    pub(crate) fn dig_out(&self, id: u64) -> Result<bool, Error> {
        let mut table = self.transaction.open_table(DEAD).map_err(failed)?;
        let Some(bytes) = table.remove(id).map_err(failed)?.map(|value| value.value().to_vec()) else {
            return Ok(false);
        };
        self.transaction.open_table(DEAD_HEADS).map_err(failed)?.remove(id).map_err(failed)?;
        self.transaction.open_table(INTENTS).map_err(failed)?.insert(id, bytes.as_slice()).map_err(failed)?;
        Ok(true)
    }

    /// The dead letter with the lowest number goes for good.
    pub(crate) fn drop_oldest_letter(&self) -> Result<(), Error> {
        let popped = self
            .transaction
            .open_table(DEAD_HEADS)
            .map_err(failed)?
            .pop_first()
            .map_err(failed)?
            .map(|(id, _)| id.value());
        if let Some(id) = popped {
            self.transaction.open_table(DEAD).map_err(failed)?.remove(id).map_err(failed)?;
        }
        Ok(())
    }

    pub(crate) fn put_history(&self, number: u64, sent: &Sent) -> Result<(), Error> {
        let mut table = self.transaction.open_table(HISTORY).map_err(failed)?;
        table.insert((sent.at_ms, number), serde_json::to_vec(sent)?.as_slice()).map_err(failed)?;
        Ok(())
    }

    /// History before `at_ms` goes.
    pub(crate) fn cut_history(&self, at_ms: i64) -> Result<(), Error> {
        let mut table = self.transaction.open_table(HISTORY).map_err(failed)?;
        table.retain_in((i64::MIN, 0)..(at_ms, 0), |_, _| false).map_err(failed)
    }
}
