//! Series that nobody writes any more leave memory. Their samples must all stand in files by then.

use super::group::Group;
use super::seal::Extent;
use super::shard::Shard;
use crate::Error;
use crate::disk::slab::SlabFiles;
use crate::index::Index;

impl Shard {
    /// Forgets the columns without a value since the last call and starts counting anew. Returns how many those were.
    /// Rows resolved before no longer fit the groups that changed.
    pub(crate) fn forget_idle(&mut self, index: &mut Index, slabs: &mut SlabFiles) -> Result<u64, Error> {
        self.seal(index, slabs, |group| (group.idle() != 0).then_some(Extent::All))?;
        let (mut forgotten, mut empty) = (0, Vec::new());
        for slot in 0..self.groups.len() {
            let id = self.id(slot as u32);
            let Some(group) = self.groups[slot].as_mut() else { continue };
            let idle = group.idle();
            group.active = 0;
            if idle == 0 {
                continue;
            }
            forgotten += u64::from(idle.count_ones());
            group.tails_in(idle).for_each(|tail| index.remove_series(id, tail));
            if idle.count_ones() as usize == group.width() {
                index.remove_group(id);
                self.groups[slot] = None;
                self.free.push(slot as u32);
                empty.push(slot as u32);
            } else {
                self.generation += 1;
                group.generation = self.generation;
                group.narrow(!idle);
            }
        }
        if forgotten > 0 {
            self.agents.values_mut().for_each(|agent| {
                agent.homes = None;
                agent.slots.retain(|slot| empty.binary_search(slot).is_err());
            });
            self.agents.retain(|_, agent| !agent.slots.is_empty());
        }
        Ok(forgotten)
    }
}

impl Group {
    /// Columns without a value since the last look.
    fn idle(&self) -> u128 {
        let all = if self.width() == 128 { u128::MAX } else { (1 << self.width()) - 1 };
        let open = self.histograms.keys().fold(0u128, |open, column| open | 1 << column);
        all & !self.active & !open
    }

    fn tails_in(&self, mask: u128) -> impl Iterator<Item = u32> + '_ {
        (0..self.width()).filter(move |column| mask >> column & 1 == 1).map(|column| self.tails[column])
    }

    /// Drops all columns but those in `keep`. No row may be open.
    fn narrow(&mut self, keep: u128) {
        debug_assert_eq!(self.open_rows(), 0);
        let kept: Vec<usize> = (0..self.width()).filter(|column| keep >> column & 1 == 1).collect();
        let squeeze = |mask: u128| {
            kept.iter().enumerate().fold(0u128, |squeezed, (to, from)| squeezed | (mask >> from & 1) << to)
        };
        (self.counters, self.known) = (squeeze(self.counters), squeeze(self.known));
        self.tails = kept.iter().map(|&column| self.tails[column]).collect();
        self.values = kept.iter().map(|&column| self.values[column]).collect();
        let histograms = std::mem::take(&mut self.histograms);
        let place = |column: u8| kept.binary_search(&usize::from(column)).ok();
        self.histograms =
            histograms.into_iter().filter_map(|(column, open)| Some((place(column)? as u8, open))).collect();
    }
}
