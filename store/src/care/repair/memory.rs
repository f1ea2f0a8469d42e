//! What was in memory, and what of it was sealed, under repair: shards and pages that are damaged are left out.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::patient::{Patient, instant};
use crate::Error;
use crate::disk::checkpoint::Checkpoint;
use crate::disk::page::Page;
use crate::disk::pages::{self, PageMeta, Quarantine};
use crate::disk::slab::{SlabPlace, open_pages, slab_name};
use crate::head;
use crate::index::Index;

impl Patient<'_> {
    /// What was in memory: without the shards whose record is damaged. The labels are handed on.
    pub(super) fn head(&mut self, checkpoint: &mut Checkpoint) -> Result<Option<Index>, Error> {
        if checkpoint.head == 0 {
            return Ok(None);
        }
        let path = head::file::path(self.folder, checkpoint.head);
        let (index, shards, damaged) = match head::file::read_sound(&path) {
            Ok(Some(read)) => read,
            outcome => {
                let what = outcome.err().map_or("damaged".to_owned(), |error| error.to_string());
                let text = "what was in memory and not in blocks yet, some hours; counters begin at zero";
                self.lost(format!("{} ({what}): {text}", path.display()));
                if path.exists() {
                    self.quarantine(&path)?;
                }
                for (window, number, _) in std::mem::take(&mut checkpoint.windows) {
                    self.quarantine(&self.folder.join("slabs").join(slab_name(window, number)))?;
                }
                (checkpoint.head, checkpoint.slabs) = (0, Vec::new());
                return Ok(None);
            }
        };
        if !damaged.is_empty() {
            self.quarantine(&path)?;
            let count = damaged.len();
            self.lost(format!("{}: {count} of {} shards of what was in memory", path.display(), shards.len()));
            head::file::write_shards(&path, &index, &shards)?;
        }
        Ok(Some(index))
    }

    /// Writes slab files with damaged pages or indexes anew.
    pub(super) fn slabs(&mut self, checkpoint: &mut Checkpoint) -> Result<(), Error> {
        let folder = self.folder.join("slabs");
        let mut next = checkpoint.windows.iter().map(|&(_, number, _)| number + 1).max().unwrap_or(0);
        for (window, number, length) in &mut checkpoint.windows {
            let path = folder.join(slab_name(*window, *number));
            let file = Arc::new(File::open(&path).map_err(Error::io("open", &path))?);
            let (mut out, mut places, mut lost) = (Vec::new(), Vec::new(), Vec::new());
            for place in checkpoint.slabs.iter().filter(|slab| (slab.window, slab.file) == (*window, *number)) {
                match open_pages(&file, &path, place, &Arc::new(Quarantine::default())) {
                    Some(pages) => places.push(copy_slab(&file, &pages.index, place, &mut out, &mut lost)),
                    None => lost.push(format!("{}: a shard's samples, index at {}", path.display(), place.index_at)),
                }
            }
            if lost.is_empty() {
                continue;
            }
            self.quarantine(&path)?;
            for line in lost {
                self.lost(line);
            }
            checkpoint.slabs.retain(|slab| (slab.window, slab.file) != (*window, *number));
            checkpoint.slabs.extend(places.into_iter().map(|place| SlabPlace { file: next, ..place }));
            checkpoint.slabs.sort_by_key(|slab| slab.sequence);
            // Under another name: the old checkpoint stays true until the new one is there.
            (*number, *length) = (next, out.len() as u64);
            let path = folder.join(slab_name(*window, next));
            next += 1;
            weir_files::write_whole(&path, |file| std::io::Write::write_all(file, &out))?;
            self.mended(format!("{} is written anew", path.display()));
        }
        Ok(())
    }
}

/// Copies the sound pages of a slab behind others.
fn copy_slab(
    file: &File,
    index: &[PageMeta],
    place: &SlabPlace,
    out: &mut Vec<u8>,
    lost: &mut Vec<String>,
) -> SlabPlace {
    let mut kept = Vec::new();
    for meta in index {
        let mut bytes = vec![0; meta.size as usize];
        let read = file.read_exact_at(&mut bytes, meta.offset);
        if read.is_ok() && Page::parse(bytes.clone()).is_ok() {
            kept.push(PageMeta { offset: out.len() as u64, ..*meta });
            out.extend_from_slice(&bytes);
        } else {
            let PageMeta { count, min_time, max_time, .. } = meta;
            lost.push(format!("{count} series of a shard, {} to {}", instant(*min_time), instant(*max_time)));
        }
    }
    let index_at = out.len();
    pages::put_index(out, &kept);
    let checksum = crc32c::crc32c(&out[index_at..]);
    out.extend_from_slice(&checksum.to_le_bytes());
    SlabPlace { index_at: index_at as u64, index_size: (out.len() - index_at) as u32, ..*place }
}
