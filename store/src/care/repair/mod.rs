//! Repair of a store that nobody has open: what is damaged is taken out for good, what can be worked out again is, and
//! everything that is lost or moved is said. Damaged files go to the folder `quarantine`, none is deleted.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cold::Cold;
use crate::disk::block::{Block, BlockName};
use crate::disk::blocks::BLOCKS;
use crate::disk::checkpoint::Checkpoint;
use crate::disk::files;
use crate::disk::page::Page;
use crate::disk::pages::{self, PageMeta, Quarantine};
use crate::disk::slab::{SlabPlace, open_pages, slab_name};
use crate::head;
use crate::index::Index;
use crate::lock::DirectoryLock;
use crate::{Error, Tier};

mod blocks;

/// What a repair did, one line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// What could be brought back or was tidied up.
    pub mended: Vec<String>,
    /// What is gone: which series, which time.
    pub lost: Vec<String>,
}

/// A store under repair.
struct Patient<'a> {
    folder: &'a Path,
    cold: Arc<Cold>,
    report: Repaired,
}

/// Repairs the store in a folder. Pages of cold blocks are not looked at: they have no second copy here.
///
/// # Errors
/// [`Error::Locked`] if a process has it open, or what the file system says. What was done by then stands, and the next
/// call goes on.
pub fn repair(folder: &Path) -> Result<Repaired, Error> {
    let _lock = DirectoryLock::acquire(folder)?;
    for part in [QUARANTINE, REPAIRED, BLOCKS, "head", "slabs"] {
        files::create_folder(&folder.join(part))?;
    }
    let cold = Arc::new(Cold::open(folder, None)?);
    let mut patient = Patient { folder, cold, report: Repaired::default() };
    let mut checkpoint = patient.checkpoint()?;
    let head = patient.head(&mut checkpoint)?;
    patient.slabs(&mut checkpoint)?;
    patient.blocks(&mut checkpoint, head)?;
    let stands = folder.join("checkpoint").exists() && Checkpoint::read(folder).is_ok_and(|old| old == checkpoint);
    if !stands {
        checkpoint.write(folder)?;
    }
    patient.tidy(&checkpoint)?;
    Ok(patient.report)
}

/// Folder of damaged files.
const QUARANTINE: &str = "quarantine";

/// Folder of files that are being written anew.
const REPAIRED: &str = "repaired";

impl Patient<'_> {
    fn mended(&mut self, line: String) {
        self.report.mended.push(line);
    }

    fn lost(&mut self, line: String) {
        self.report.lost.push(line);
    }

    /// Keeps a damaged file under its name. It stays where it is, too, until another takes its place.
    fn quarantine(&mut self, path: &Path) -> Result<(), Error> {
        let kept = self.folder.join(QUARANTINE).join(path.file_name().unwrap_or_default());
        files::remove(&kept)?;
        fs::hard_link(path, &kept).map_err(Error::io("keep", path))?;
        self.mended(format!("{} is kept as {}", path.display(), kept.display()));
        Ok(())
    }

    /// The checkpoint, or one of the blocks that are there.
    fn checkpoint(&mut self) -> Result<Checkpoint, Error> {
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
            for name in files::names(&self.folder.join(part))? {
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
        let names = files::names(&folder)?.into_iter();
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

    /// What was in memory: without the shards whose record is damaged. The labels are handed on.
    fn head(&mut self, checkpoint: &mut Checkpoint) -> Result<Option<Index>, Error> {
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
    fn slabs(&mut self, checkpoint: &mut Checkpoint) -> Result<(), Error> {
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
            files::write_whole(&path, |file| std::io::Write::write_all(file, &out))?;
            self.mended(format!("{} is written anew", path.display()));
        }
        Ok(())
    }

    /// Removes what no checkpoint names, and says so.
    fn tidy(&mut self, checkpoint: &Checkpoint) -> Result<(), Error> {
        let head = head::file::path(self.folder, checkpoint.head);
        let slabs: Vec<String> =
            checkpoint.windows.iter().map(|&(window, number, _)| slab_name(window, number)).collect();
        let is_named = |part: &str, name: &str, path: &PathBuf| match part {
            BLOCKS => checkpoint.blocks.iter().any(|block| block == name) || BlockName::is_stub(name),
            "slabs" => slabs.iter().any(|slab| slab == name),
            _ => *path == head,
        };
        for part in [BLOCKS, "slabs", "head"] {
            for name in files::names(&self.folder.join(part))? {
                let path = self.folder.join(part).join(&name);
                if !is_named(part, &name, &path) {
                    files::remove(&path)?;
                    self.mended(format!("{} was left over and is removed", path.display()));
                }
            }
        }
        fs::remove_dir_all(self.folder.join(REPAIRED)).map_err(Error::io("remove", self.folder))
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

/// An instant as it is asked for: seconds since 1970.
fn instant(millis: i64) -> String {
    format!("{}.{:03} s", millis.div_euclid(1_000), millis.rem_euclid(1_000))
}

/// Blocks of samples come first: points are worked out again from them.
fn order(text: &str) -> (Option<Tier>, u64) {
    BlockName::parse(text).map_or((None, 0), |name| (Some(name.tier), name.number))
}
