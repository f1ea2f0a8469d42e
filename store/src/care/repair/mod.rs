//! Repair of a store that nobody has open: what is damaged is taken out for good, what can be worked out again is, and
//! everything that is lost or moved is said. Damaged files go to the folder `quarantine`, none is deleted.

mod blocks;
mod checkpoint;
mod memory;
mod patient;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::Error;
use crate::cold::Cold;
use crate::disk::block::BlockName;
use crate::disk::blocks::BLOCKS;
use crate::disk::checkpoint::Checkpoint;
use crate::disk::slab::slab_name;
use crate::head;
pub use patient::Repaired;
use patient::{Patient, QUARANTINE, REPAIRED};
use weir_files::FolderLock;

/// Repairs the store in a folder. Pages of cold blocks are not looked at: they have no second copy here.
///
/// # Errors
/// [`Error::Locked`] if a process has it open, or what the file system says. What was done by then stands, and the next
/// call goes on.
pub fn repair(folder: &Path) -> Result<Repaired, Error> {
    let _lock = FolderLock::acquire(folder).map_err(Error::lock(folder))?;
    for part in [QUARANTINE, REPAIRED, BLOCKS, "head", "slabs"] {
        weir_files::create_folder(&folder.join(part))?;
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

impl Patient<'_> {
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
            for name in weir_files::names(&self.folder.join(part))? {
                let path = self.folder.join(part).join(&name);
                if !is_named(part, &name, &path) {
                    weir_files::remove(&path)?;
                    self.mended(format!("{} was left over and is removed", path.display()));
                }
            }
        }
        Ok(weir_files::remove_folder(&self.folder.join(REPAIRED))?)
    }
}
