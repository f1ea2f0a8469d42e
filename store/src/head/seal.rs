//! From open chunks to a slab: a shard's groups are read, each column is coded on its own, and all go to the file of
//! their window in order of identity.

use weir_sample::Kind;

use super::group::Group;
use super::histograms::OpenHistograms;
use super::segment;
use super::shard::Shard;
use crate::Error;
use crate::codec::{frame, histogram, times};
use crate::disk::slab::SlabFiles;
use crate::error::Damaged;
use crate::index::{Index, SeriesId};
use crate::tier::overlay::overlay;

/// Length of the windows that slabs and blocks are cut at.
pub(crate) const WINDOW_MS: i64 = 2 * 3_600_000;

/// First instant of the window that a sample falls in. A window excludes its first instant and includes its last,
/// because a sample carries the end of the interval that it describes.
pub(crate) const fn window_of(time: i64) -> i64 {
    let last = time.saturating_sub(1);
    last - last.rem_euclid(WINDOW_MS)
}

/// The rows to seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All but the newest, which late counter deltas may still amend.
    ButNewest,
    /// All: the group is silent.
    All,
}

/// One coded column.
struct Sealed {
    window: i64,
    id: SeriesId,
    kind: Kind,
    span: (i64, i64),
    times: (u32, u32),
    content: (u32, u32),
}

/// Columns coded so far.
#[derive(Default)]
struct Coded {
    sealed: Vec<Sealed>,
    bytes: Vec<u8>,
    last_times: Vec<i64>,
    last_coded: (u32, u32),
}

impl Shard {
    /// Seals the groups that `extent` picks. On an error nothing has changed.
    pub(crate) fn seal(
        &mut self,
        index: &Index,
        slabs: &mut SlabFiles,
        mut extent: impl FnMut(&Group) -> Option<Extent>,
    ) -> Result<u64, Error> {
        let mut coded = Coded::default();
        let mut picked = Vec::new();
        for (slot, group) in self.groups.iter_mut().enumerate() {
            let Some(group) = group else { continue };
            let Some(extent) = extent(group) else { continue };
            group.close_segment(usize::from(extent == Extent::ButNewest));
            coded
                .add_group(index, group, extent)
                .map_err(|Damaged(what)| Error::Damaged { path: "head".into(), what })?;
            picked.push((slot, extent));
        }
        coded.sealed.sort_by_key(|sealed| (sealed.window, sealed.id));
        for window in coded.sealed.chunk_by(|a, b| a.window == b.window) {
            let slab = slabs.append(window[0].window, self.number, |writer| {
                for sealed in window {
                    let bytes = |(from, to): (u32, u32)| &coded.bytes[from as usize..to as usize];
                    writer.push(sealed.id, sealed.kind, sealed.span, bytes(sealed.times), bytes(sealed.content));
                }
            })?;
            self.slabs.push(slab);
        }
        for (slot, extent) in picked {
            let Some(group) = self.groups[slot].as_mut() else { continue };
            group.clear_chunk();
            let mut open = std::mem::take(&mut group.histograms);
            open.values_mut().for_each(|histograms| histograms.clear(seals_newest(histograms, group, extent)));
            open.retain(|_, histograms| !histograms.is_empty());
            group.histograms = open;
        }
        self.late = self.groups.iter().flatten().map(|group| group.late.len()).sum();
        Ok(coded.sealed.len() as u64)
    }
}

/// Whether the newest histogram goes too: not while more of its window may come.
fn seals_newest(histograms: &OpenHistograms, group: &Group, extent: Extent) -> bool {
    extent == Extent::All || histograms.newest().is_some_and(|&(time, _)| time < group.newest)
}

impl Coded {
    fn add_group(&mut self, index: &Index, group: &Group, extent: Extent) -> Result<(), Damaged> {
        let mut columns = vec![(Vec::new(), Vec::new()); group.width()];
        segment::walk(&group.chunk, |piece| {
            let (times, values) = &mut columns[piece.column];
            for (time, value) in piece.samples() {
                times.push(time);
                values.push(value);
            }
        })?;
        let mut late = group.late.clone();
        late.sort_by_key(|late| (late.column, late.time));
        let mut late = late.into_iter().peekable();
        for (column, (mut times, mut values)) in columns.into_iter().enumerate() {
            let tail = group.tails[column];
            let (id, kind) = (index.id(group.common, tail), index.tails.kind(tail));
            let own = std::iter::from_fn(|| late.next_if(|late| usize::from(late.column) == column));
            let own = own.map(|late| (late.time, late.value)).collect();
            overlay(&mut times, &mut values, own, |old, new| *old = new);
            self.add_floats(id, kind, &times, &values);
        }
        for (&column, histograms) in &group.histograms {
            let id = index.id(group.common, group.tails[usize::from(column)]);
            self.add_histograms(id, &histograms.coded(seals_newest(histograms, group, extent)))?;
        }
        Ok(())
    }

    fn add_floats(&mut self, id: SeriesId, kind: Kind, times: &[i64], values: &[f64]) {
        let mut at = 0;
        for part in times.chunk_by(|&a, &b| window_of(a) == window_of(b)) {
            let start = self.bytes.len() as u32;
            frame::encode_all(&mut self.bytes, &values[at..at + part.len()]);
            self.finish(id, kind, part, start);
            at += part.len();
        }
    }

    fn add_histograms(&mut self, id: SeriesId, histograms: &[(i64, Box<[u8]>)]) -> Result<(), Damaged> {
        for part in histograms.chunk_by(|a, b| window_of(a.0) == window_of(b.0)) {
            let start = self.bytes.len() as u32;
            histogram::encode_coded(&mut self.bytes, part.iter().map(|(_, coded)| &**coded))?;
            let times: Vec<i64> = part.iter().map(|&(time, _)| time).collect();
            self.finish(id, Kind::Distribution, &times, start);
        }
        Ok(())
    }

    /// Lists a column whose content begins at `start`. Neighbours mostly share their timestamps, which are coded once.
    fn finish(&mut self, id: SeriesId, kind: Kind, times: &[i64], start: u32) {
        let content = (start, self.bytes.len() as u32);
        if self.last_times != times {
            times::encode_all(&mut self.bytes, times);
            self.last_coded = (content.1, self.bytes.len() as u32);
            times.clone_into(&mut self.last_times);
        }
        let span = (times[0], times[times.len() - 1]);
        self.sealed.push(Sealed { window: window_of(span.0), id, kind, span, times: self.last_coded, content });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_includes_its_end() {
        assert_eq!((window_of(1), window_of(WINDOW_MS), window_of(WINDOW_MS + 1)), (0, 0, WINDOW_MS));
        assert_eq!((window_of(0), window_of(-WINDOW_MS)), (-WINDOW_MS, -2 * WINDOW_MS));
    }
}
