//! The checkpoint under repair: as it is, or made anew of the blocks that are there.

use std::sync::Arc;

use super::patient::Patient;
use crate::Error;
use crate::disk::block::{Block, BlockName};
use crate::disk::blocks::BLOCKS;
use crate::disk::checkpoint::Checkpoint;
use crate::disk::pages::Quarantine;

impl Patient<'_> {
    /// The checkpoint, or one of the blocks that are there.
    pub(super) fn checkpoint(&mut self) -> Result<Checkpoint, Error> {
        let path = self.folder.join("checkpoint");
        let (found, what) = match Checkpoint::read(self.folder) {
            Err(Error::Damaged { what, .. }) => (true, what),
            Ok(checkpoint) if path.exists() => return Ok(checkpoint),
            Ok(_) => (false, "missing"),
            Err(error) => return Err(error),
        };
        if found {
            self.quarantine(&path)?;
        }
        for part in ["head", "slabs"] {
            for name in weir_files::names(&self.folder.join(part))? {
                self.quarantine(&self.folder.join(part).join(name))?;
            }
        }
        let blocks = self.blocks_found()?;
        let frontier = blocks.iter().map(|(name, _)| name.end).max().unwrap_or(i64::MIN);
        self.lost(format!(
            "the checkpoint ({what}): what was not in blocks yet, some hours, and the place in the queue; what the queue \
             still has is read again, counters begin at zero"
        ));
        self.mended(format!("a checkpoint of the {} blocks that are there", blocks.len()));
        let blocks = blocks.into_iter().map(|(_, text)| text).collect();
        Ok(Checkpoint { watermark: frontier, frontier, blocks, ..Checkpoint::default() })
    }

    /// Blocks in the folder, but for those that a merge has taken up: their samples would count twice.
    fn blocks_found(&self) -> Result<Vec<(BlockName, String)>, Error> {
        let folder = self.folder.join(BLOCKS);
        let names = weir_files::names(&folder)?.into_iter();
        let mut all: Vec<_> = names.filter_map(|text| Some((BlockName::parse(&text)?, text))).collect();
        // Of a block that was just moved there are file and stub: the file has more.
        all.sort_by_key(|(name, text)| (name.number, BlockName::is_stub(text)));
        all.dedup_by_key(|(name, _)| name.number);
        let merged = |name: &BlockName| {
            all.iter().any(|(other, _)| {
                let within = other.tier == name.tier && other.start <= name.start && other.end >= name.end;
                within && other.number > name.number && other.span() > name.span()
            })
        };
        let (taken, kept): (Vec<_>, Vec<_>) = all.iter().cloned().partition(|(name, _)| merged(name));
        // What was damaged was not merged.
        let damaged = |text: &str| {
            let block = Block::open(&folder, text, Arc::new(Quarantine::default()), &self.cold)?;
            let Some(block) = block.filter(|block| !block.is_cold()) else { return Ok(true) };
            Ok::<_, Error>(!block.sound_pages()?.1.is_empty())
        };
        let mut kept = kept;
        for (name, text) in taken {
            if damaged(&text)? {
                kept.push((name, text));
            }
        }
        Ok(kept)
    }
}
