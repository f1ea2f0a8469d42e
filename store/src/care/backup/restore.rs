//! A backup is brought back to an empty folder.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use super::manifest::{EVENTS, Item, backups, read_manifest};
use super::transferred::{FETCHED_AT_ONCE, Transferred};
use crate::care::verify::verify;
use crate::cold::Cold;
use crate::disk::block::{Block, BlockName};
use crate::disk::blocks::BLOCKS;
use crate::disk::checkpoint::Checkpoint;
use crate::disk::pages::Quarantine;
use crate::disk::stub::identity;
use crate::{Error, Remote};

/// Brings back a backup to a folder, and its events to another, which must be empty or not there; the newest if none is named. Every page of it is
/// checked before it counts. Returns the name of the backup too.
///
/// # Errors
/// [`Error::NotEmpty`], [`Error::NoBackup`], or what the object store or the file system says.
pub fn restore(
    source: &dyn Remote,
    at: Option<&str>,
    folder: &Path,
    events: &Path,
) -> Result<(String, Transferred), Error> {
    for folder in [folder, events] {
        if folder.exists() && !weir_files::names(folder)?.is_empty() {
            return Err(Error::NotEmpty(folder.to_owned()));
        }
    }
    let names = backups(source)?;
    let wanted = names.iter().rfind(|name| at.is_none_or(|at| at == *name));
    let name = wanted.ok_or_else(|| Error::NoBackup(at.unwrap_or("any").to_owned()))?;
    let part = folder.with_extension("restoring");
    if part.exists() {
        fs::remove_dir_all(&part).map_err(Error::io("empty", &part))?;
    }
    let part_of_events = events.with_extension("restoring");
    if part_of_events.exists() {
        fs::remove_dir_all(&part_of_events).map_err(Error::io("empty", &part_of_events))?;
    }
    let fetched = fetch(source, name, &part, &part_of_events)?;
    // First the events: without a store they are none.
    if part_of_events.exists() {
        replace(&part_of_events, events)?;
    }
    replace(&part, folder)?;
    Ok((name.clone(), fetched))
}

/// Puts a folder in the place of one that is empty or not there.
fn replace(part: &Path, folder: &Path) -> Result<(), Error> {
    if folder.exists() {
        fs::remove_dir(folder).map_err(Error::io("replace", folder))?;
    }
    weir_files::rename(part, folder)?;
    Ok(weir_files::sync_folder(folder.parent().unwrap_or(Path::new(".")))?)
}

fn fetch(source: &dyn Remote, name: &str, part: &Path, events: &Path) -> Result<Transferred, Error> {
    let damaged = |key: &str, what| Error::Damaged { path: key.into(), what };
    let items = read_manifest(source, name)?;
    ["head", "slabs", BLOCKS].iter().try_for_each(|folder| weir_files::create_folder(&part.join(folder)))?;
    let mut done = Transferred::default();
    for item in &items {
        let of_events = item.path.strip_prefix(EVENTS).and_then(|path| path.strip_prefix('/'));
        let path = of_events.map_or_else(|| part.join(&item.path), |path| events.join(path));
        if let Some(folder) = path.parent().filter(|_| of_events.is_some()) {
            weir_files::create_folder(folder)?;
        }
        let mut file = weir_files::create(&path)?;
        let sum = fetch_to(source, item, &mut file, &path)?;
        if !item.path.starts_with(BLOCKS) && sum != item.checksum {
            return Err(damaged(&item.key, "checksum"));
        }
        weir_files::sync(&file, &path)?;
        if let Some(folder) = path.parent().filter(|_| of_events.is_some()) {
            weir_files::sync_folder(folder)?;
        }
        done.count(item);
    }
    check_blocks(part, &items)?;
    // Cold blocks came back as whole ones.
    let mut checkpoint = Checkpoint::read(part)?;
    for name in &mut checkpoint.blocks {
        if let Some(block) = BlockName::parse(name) {
            *name = block.to_string();
        }
    }
    ["head", "slabs", BLOCKS].iter().try_for_each(|folder| weir_files::sync_folder(&part.join(folder)))?;
    checkpoint.write(part)?;
    match verify(part, None)?.damaged.first() {
        Some(place) => Err(damaged(place, "checksum")),
        None => Ok(done),
    }
}

/// Compares what came back with what its key says.
fn check_blocks(part: &Path, items: &[Item]) -> Result<(), Error> {
    let cold = Arc::new(Cold::open(part, None)?);
    for item in items {
        let Some(file_name) = item.path.strip_prefix("blocks/") else { continue };
        let block = Block::open(&part.join(BLOCKS), file_name, Arc::new(Quarantine::default()), &cold)?;
        let content = block.map(|block| identity(&block)).transpose()?;
        if !content.is_some_and(|content| item.key.ends_with(&content)) {
            return Err(Error::Damaged { path: item.key.clone().into(), what: "content" });
        }
    }
    Ok(())
}

/// Fetches an object to a file. Returns its checksum.
fn fetch_to(source: &dyn Remote, item: &Item, file: &mut File, path: &Path) -> Result<u32, Error> {
    let (mut at, mut sum) = (0, 0);
    while at < item.size {
        let size = FETCHED_AT_ONCE.min((item.size - at) as usize);
        let bytes = source.get_range(&item.key, at, size).map_err(Error::remote("read", &item.key))?;
        if bytes.is_empty() {
            return Err(Error::Damaged { path: item.key.clone().into(), what: "cut short" });
        }
        weir_files::append(file, path, &bytes)?;
        sum = crc32c::crc32c_append(sum, &bytes);
        at += bytes.len() as u64;
    }
    Ok(sum)
}
