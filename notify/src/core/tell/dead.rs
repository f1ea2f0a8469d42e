//! Dead letters: listed, and sent again when the cause is mended.

use weir_sample::Timestamp;

use crate::core::accept::log_name;
use crate::core::notifier::Notifier;
use crate::keep::{DeadLetter, Error};

impl Notifier {
    /// All notifications that their channels refused, the oldest first.
    ///
    /// # Errors
    /// The file.
    pub fn dead_letters(&self) -> Result<Vec<DeadLetter>, Error> {
        self.store.dead_letters()
    }

    /// Sends one of them again, with the key that it had; false if there is none of this number.
    ///
    /// # Errors
    /// The file.
    pub fn send_again(&mut self, id: u64, now: Timestamp) -> Result<bool, Error> {
        let write = self.store.write()?;
        let found = write.dig_out(id)?;
        write.commit()?;
        if let Some(head) = self.store.intent_head(id)?.filter(|_| found) {
            let lane = (head.receiver, head.channel);
            let name = log_name(&lane, &head.group_key);
            self.lanes.add(id, lane, name, Timestamp(head.created_ms), now);
        }
        Ok(found)
    }
}
