//! Reading: series one after another, each with its samples of a range.

use std::ops::ControlFlow;

use crate::read::reader::Reader;
use crate::read::{order, parallel};
use crate::store::Store;
use crate::{Answered, Error, Selection, SeriesData};

impl Store {
    /// Gives every series with samples in the range to `each`, in order of identity if any is asked for, until it breaks off. One
    /// that has both floats and histograms comes in two pieces, one right after the other.
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
        let stretches = order::stretches_of(&mut reader, &mut all, selection.any_order);
        let readers = parallel::readers(all.len());
        if readers > 1 {
            parallel::select(&mut reader, readers, (&all, &stretches), selection, each)?;
            return Ok(reader.answered());
        }
        for stretch in stretches {
            reader.begin(&stretch);
            for same in all[stretch].chunk_by(|a, b| a.id == b.id) {
                if reader.series(same, selection, each)?.is_break() {
                    return Ok(reader.answered());
                }
            }
        }
        Ok(reader.answered())
    }
}
