//! Old backups go: their manifests first, then every object that no backup that stays needs.

use std::collections::HashSet;

use super::manifest::{EVENTS, SNAPSHOTS, backups, manifest_key, read_manifest};
use crate::disk::blocks::BLOCKS;
use crate::{Error, Remote};

/// Counts of what went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Backups that no longer count.
    pub backups: usize,
    /// Objects deleted, what earlier backups left that did not come to their end included.
    pub objects: usize,
    /// Bytes of those.
    pub bytes: u64,
}

/// Deletes all backups but the newest `keep` and what no other needs. Not to be run beside a backup to the same place,
/// whose objects it would take for leftovers. One that was cut off is made good by the next.
///
/// # Errors
/// What the object store says; [`Error::Damaged`], before anything is deleted, if a manifest that stays cannot be read.
pub fn forget(target: &dyn Remote, keep: usize) -> Result<Forgotten, Error> {
    let names = backups(target)?;
    let (old, kept) = names.split_at(names.len().saturating_sub(keep));
    let mut needed: HashSet<String> = kept.iter().map(|name| manifest_key(name)).collect();
    for name in kept {
        needed.extend(read_manifest(target, name)?.into_iter().map(|item| item.key));
    }
    let list = |folder| target.list(folder).map_err(Error::remote("list", folder));
    let mut spare = [list(SNAPSHOTS)?, list(BLOCKS)?, list(EVENTS)?].concat();
    spare.retain(|(key, _)| !needed.contains(key));
    // Without its manifest a backup does not count, so none is ever found with a part missing.
    let manifests: HashSet<String> = old.iter().map(|name| manifest_key(name)).collect();
    spare.sort_by_key(|(key, _)| !manifests.contains(key));
    let mut forgotten = Forgotten { backups: old.len(), ..Forgotten::default() };
    for (key, bytes) in &spare {
        target.delete(key).map_err(Error::remote("delete", key))?;
        forgotten.objects += 1;
        forgotten.bytes += bytes;
    }
    Ok(forgotten)
}
