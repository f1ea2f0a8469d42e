//! What collectors bring of targets: each window of a target is stored once, whoever brings it.
//!
//! A collector looks at a target once per window and sends all that this brought as one record, so that of a look all is
//! there or nothing. The record's sender is the target, not the collector: while two collectors look at one target, at a hand-over
//! or for safety, the first record of a window is stored and the second is not. A look that failed stands only until
//! another collector's has succeeded.

mod claims;
mod form;
mod template;

use std::sync::atomic::Ordering::Relaxed;

use weir_queue::Record;

use crate::Error;
use crate::ingest::{Ingest, sender_of};
use claims::Claim;

pub(crate) use claims::Claims;
pub use form::{Outcome, Scrape, ScrapeWriter, TooLarge};
pub use template::ScrapeTemplate;

impl Ingest {
    /// Stores what a look at a target brought, unless its window is stored already.
    pub(crate) fn scrape(&mut self, record: &Record<'_>) -> Result<(), Error> {
        let Some((scrape, packed)) = Scrape::read(record.payload) else { return self.refuse(record) };
        match self.claims.claim(sender_of(record), scrape, record.received) {
            Claim::Taken => {}
            Claim::Stored => {
                self.counters.scrapes_duplicate.fetch_add(1, Relaxed);
                return Ok(());
            }
            Claim::TooOld => {
                self.counters.too_old.fetch_add(1, Relaxed);
                return Ok(());
            }
        }
        let Some(unpacked) = form::unpack(packed) else { return self.refuse(record) };
        for part in form::parts(&unpacked) {
            self.samples(record, part)?;
        }
        self.counters.scrapes.fetch_add(1, Relaxed);
        Ok(())
    }
}
