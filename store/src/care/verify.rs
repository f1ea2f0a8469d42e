//! Looking at a store from outside: is every byte what was written. It works beside the process that owns the store, and
//! changes nothing in it.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::snapshot::retry;
use crate::Error;
use crate::cold::{Cold, ColdConfig};
use crate::disk::block::Block;
use crate::disk::blocks::BLOCKS;
use crate::disk::checkpoint::Checkpoint;
use crate::disk::pages::{Pages, Quarantine};
use crate::disk::slab::{open_pages, slab_name};
use crate::head;
use crate::tier::coding;
use crate::tier::run;
use crate::{Remote, Tier};

/// Counts and damage that [`verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Files read.
    pub files: u64,
    /// Pages of samples read.
    pub pages: u64,
    /// Samples and points decoded.
    pub samples: u64,
    /// Blocks in the object store whose pages were not read, because no object store was given.
    pub cold_unread: u64,
    /// Damaged places, one line each.
    pub damaged: Vec<String>,
}

/// Reads every file that the last checkpoint names, and every object if an object store is given, and checks every page,
/// index and sample.
///
/// # Errors
/// What the file system or the object store says; damage is no error but in the answer.
pub fn verify(folder: &Path, remote: Option<Arc<dyn Remote>>) -> Result<Verified, Error> {
    let config = remote.map(|remote| ColdConfig { remote, after: Duration::MAX, cache_bytes: 0 });
    let cold = Arc::new(Cold::open(folder, config)?);
    retry(|| verify_once(folder, &cold))
}

fn verify_once(folder: &Path, cold: &Arc<Cold>) -> Result<Verified, Error> {
    let mut found = Verified::default();
    let checkpoint = match Checkpoint::read(folder) {
        Err(Error::Damaged { path, what }) => {
            found.damaged.push(format!("{}: {what}", path.display()));
            return Ok(found);
        }
        checkpoint => checkpoint?,
    };
    found.files += 1;
    if checkpoint.head > 0 {
        found.files += 1;
        match head::file::read(&head::file::path(folder, checkpoint.head)) {
            Err(Error::Damaged { path, what }) => found.damaged.push(format!("{}: {what}", path.display())),
            read => drop(read?),
        }
    }
    let quarantine = Arc::new(Quarantine::default());
    found.files += checkpoint.windows.len() as u64;
    for place in &checkpoint.slabs {
        let path = folder.join("slabs").join(slab_name(place.window, place.file));
        let file = Arc::new(File::open(&path).map_err(Error::io("open", &path))?);
        match open_pages(&file, &path, place, &quarantine) {
            Some(pages) => found.check(&pages, Tier::Raw)?,
            None => found.damaged.push(format!("{}: index at {}", path.display(), place.index_at)),
        }
    }
    for text in &checkpoint.blocks {
        let path = folder.join(BLOCKS).join(text);
        found.files += 1;
        let Some(block) = Block::open(&folder.join(BLOCKS), text, quarantine.clone(), cold)? else {
            found.damaged.push(format!("{}: footer or index", path.display()));
            continue;
        };
        if block.read_labels()?.is_none() {
            found.damaged.push(format!("{}: labels", path.display()));
        }
        if block.is_cold() && cold.config.is_none() {
            found.cold_unread += 1;
        } else {
            found.check(&block.pages, block.name.tier)?;
        }
    }
    Ok(found)
}

impl Verified {
    fn check(&mut self, pages: &Pages, tier: Tier) -> Result<(), Error> {
        for at in 0..pages.index.len() {
            self.pages += 1;
            let place = || format!("{}: page at {}", pages.path.display(), pages.index[at].offset);
            let Some(page) = pages.read(at)? else {
                self.damaged.push(place());
                continue;
            };
            for entry in page.entries() {
                let samples = match tier {
                    Tier::Raw => run::decode(&page, entry).map(|run| run.times.len()),
                    Tier::Minute | Tier::Hour => coding::decode(&page, entry, None).map(|points| points.times.len()),
                };
                match samples {
                    Ok(samples) => self.samples += samples as u64,
                    Err(damaged) => self.damaged.push(format!("{}: {}", place(), damaged.0)),
                }
            }
        }
        Ok(())
    }
}
