//! Several runs of pages read together, series by series in order of identity.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::page::{Entry, Page};
use super::pages::Pages;
use crate::Error;
use crate::error::Damaged;
use crate::index::SeriesId;

/// Goes through all series of some sources. Where two have samples of one series, the source named first comes first.
pub(crate) struct Merge {
    sources: Vec<Walk>,
    next: BinaryHeap<Reverse<(SeriesId, usize)>>,
}

/// The place in one source.
struct Walk {
    pages: Arc<Pages>,
    /// Number of the page after the current.
    page: usize,
    current: Option<Page>,
    entry: usize,
}

impl Merge {
    pub(crate) fn new(sources: impl IntoIterator<Item = Arc<Pages>>) -> Result<Self, Error> {
        let walk = |pages| Walk { pages, page: 0, current: None, entry: 0 };
        let mut merge = Self { sources: sources.into_iter().map(walk).collect(), next: BinaryHeap::new() };
        for at in 0..merge.sources.len() {
            merge.queue(at)?;
        }
        Ok(merge)
    }

    fn queue(&mut self, at: usize) -> Result<(), Error> {
        let id = self.sources[at].peek()?;
        self.next.extend(id.map(|id| Reverse((id, at))));
        Ok(())
    }

    /// Hands over all entries of the next series, and says which it is. Damaged pages are passed over.
    pub(crate) fn next(
        &mut self,
        mut each: impl FnMut(usize, &Page, &Entry) -> Result<(), Damaged>,
    ) -> Result<Option<SeriesId>, Error> {
        let Some(&Reverse((id, _))) = self.next.peek() else { return Ok(None) };
        while let Some(&Reverse((other, at))) = self.next.peek() {
            if other != id {
                break;
            }
            self.next.pop();
            let walk = &mut self.sources[at];
            while walk.peek()? == Some(id) {
                if let Some((page, entry)) =
                    walk.current.as_ref().and_then(|page| Some((page, page.entries().get(walk.entry)?)))
                {
                    each(at, page, entry).map_err(Error::damaged(&walk.pages.path))?;
                }
                walk.entry += 1;
            }
            self.queue(at)?;
        }
        Ok(Some(id))
    }
}

impl Walk {
    fn peek(&mut self) -> Result<Option<SeriesId>, Error> {
        loop {
            if let Some(entry) = self.current.as_ref().and_then(|page| page.entries().get(self.entry)) {
                return Ok(Some(entry.id));
            }
            if self.page >= self.pages.index.len() {
                self.current = None;
                return Ok(None);
            }
            self.current = self.pages.read(self.page)?;
            self.page += 1;
            self.entry = 0;
        }
    }
}
