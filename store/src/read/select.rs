//! Reading: series one after another, each with its samples of a range.

use std::ops::ControlFlow;

use crate::head::shard::{SHARDS, place_of};
use crate::read::parallel;
use crate::read::reader::{Found, Reader};
use crate::store::Store;
use crate::{Answered, Error, Selection, SeriesData};

impl Store {
    /// Gives every series with samples in the range to `each`, in order of identity if any is asked for, until it breaks off.
    /// Writers wait for one series at most.
    /// Where a coarser tier answers, the range begins two of its points earlier.
    ///
    /// # Errors
    /// What the file system says. What cannot be read because it is damaged is counted and left out.
    pub fn select(
        &self,
        selection: &Selection<'_>,
        each: &mut dyn FnMut(SeriesData) -> ControlFlow<()>,
    ) -> Result<Answered, Error> {
        let mut reader = Reader::new(&self.inner, selection)?;
        let mut all = reader.find(selection.matchers);
        if selection.any_order && reader.is_recent() {
            all = by_shard(&all);
        }
        let readers = parallel::readers(all.len());
        if readers > 1 {
            parallel::select(&mut reader, readers, &all, selection, each)?;
            return Ok(reader.answered());
        }
        for same in all.chunk_by(|a, b| a.id == b.id) {
            let Some(data) = reader.series(same, selection)? else { continue };
            if each(data).is_break() {
                break;
            }
        }
        Ok(reader.answered())
    }
}

/// What is in memory, shard by shard: what the series of a shard share, groups and pages of slabs, then stays in the CPU's
/// cache from one of its series to the next.
fn by_shard(all: &[Found]) -> Vec<Found> {
    let mut shards = vec![Vec::new(); SHARDS];
    for same in all.chunk_by(|a, b| a.id == b.id) {
        shards[place_of(same[0].found.group).0].extend_from_slice(same);
    }
    shards.concat()
}
