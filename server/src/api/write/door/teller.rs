//! What senders tell of metrics goes to the queue when it is new, and once an hour again: some tell it with every request.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use weir_sample::{Metadata, Timestamp};
use weir_sink::MetadataWriter;

/// Remembers what was told lately, by a number made of it.
#[derive(Debug, Default)]
pub(super) struct Teller(Mutex<HashMap<u64, Timestamp>>);

/// Time after which the same is told again: a sink that had no room for it may have some now.
const AGAIN: Duration = Duration::from_secs(3_600);

/// Numbers remembered: 16 bytes each.
const MOST: usize = 200_000;

impl Teller {
    /// Payloads of records with what is new of all this.
    pub(super) fn news<'m>(
        &self,
        tenant: u32,
        told: impl IntoIterator<Item = (&'m str, Metadata)>,
        now: Timestamp,
    ) -> Vec<Vec<u8>> {
        let (mut known, mut writer) =
            (self.0.lock().unwrap_or_else(PoisonError::into_inner), MetadataWriter::default());
        for (metric, metadata) in told {
            let mut number = DefaultHasher::new();
            (tenant, metric, &metadata).hash(&mut number);
            let number = number.finish();
            if known.get(&number).is_some_and(|then| now.since(*then) < AGAIN) {
                continue;
            }
            if known.len() >= MOST {
                known.retain(|_, then| now.since(*then) < AGAIN);
            }
            if known.len() >= MOST {
                known.clear();
            }
            known.insert(number, now);
            writer.push(metric, &metadata);
        }
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_again_and_again_is_told_once_an_hour() {
        let (teller, start) = (Teller::default(), Timestamp::from_secs(1_700_000_000));
        let told = |help: &str| Metadata { help: help.into(), ..Metadata::default() };
        let check = |tenant, help: &str, after_s: u64, is_new: bool| {
            let news = teller.news(tenant, [("x", told(help))], start.plus(Duration::from_secs(after_s)));
            assert_eq!(!news.is_empty(), is_new, "{tenant} {help} after {after_s} s");
        };
        check(0, "a", 0, true);
        check(0, "a", 3_599, false);
        check(0, "b", 3_599, true);
        check(7, "a", 3_599, true);
        check(0, "a", 3_600, true);
    }
}
