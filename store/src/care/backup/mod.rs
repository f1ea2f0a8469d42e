//! Backups in an object store. Blocks never change, so each is sent once, under a name that tells its content; what else
//! a checkpoint names is sent with each backup. A backup counts once its manifest is there, which is written last.

mod events;
mod forget;
mod manifest;
mod restore;
mod transferred;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use crate::care::snapshot::snapshot;
use crate::cold::{Away, Cold, ColdConfig, put_compared};
use crate::disk::block::Block;
use crate::disk::blocks::BLOCKS;
use crate::disk::checkpoint::Checkpoint;
use crate::disk::pages::Quarantine;
use crate::disk::slab::slab_name;
use crate::disk::stub::{identity, stub_name};
use crate::{Error, Remote};
pub use forget::{Forgotten, forget};
pub use manifest::backups;
use manifest::{Item, SNAPSHOTS, manifest, manifest_key};
pub use restore::restore;
use transferred::FETCHED_AT_ONCE;
pub use transferred::Transferred;

/// Sends the store as of its last checkpoint. May run beside the process that owns it. Cold blocks are copied from
/// `cold`, so that a backup needs nothing else. Files of `events`, of which the sink's state in the checkpoint says how much counts, go with it.
///
/// # Errors
/// What the file system or an object store says; without a manifest the backup does not count.
pub fn backup(
    folder: &Path,
    events: &Path,
    cold: Option<Arc<dyn Remote>>,
    target: &dyn Remote,
    name: &str,
) -> Result<Transferred, Error> {
    let copy = folder.with_extension(format!("backup-{name}"));
    snapshot(folder, &copy)?;
    let config = cold.map(|remote| ColdConfig { remote, after: std::time::Duration::MAX, cache_bytes: 0 });
    let outcome = Cold::open(&copy, config).and_then(|cold| send((&copy, events), &Arc::new(cold), target, name));
    fs::remove_dir_all(&copy).map_err(Error::io("remove", &copy))?;
    outcome
}

fn send(
    (copy, events): (&Path, &Path),
    cold: &Arc<Cold>,
    target: &dyn Remote,
    name: &str,
) -> Result<Transferred, Error> {
    let listed = target.list(BLOCKS).map_err(Error::remote("list", BLOCKS))?;
    let there = |item: &Item| listed.iter().any(|(key, size)| *key == item.key && *size == item.size);
    let checkpoint = Checkpoint::read(copy)?;
    let (mut items, mut done) = (Vec::new(), Transferred::default());
    for file_name in &checkpoint.blocks {
        let opened = Block::open(&copy.join(BLOCKS), file_name, Arc::new(Quarantine::default()), cold)?;
        let damaged = || Error::Damaged { path: copy.join(BLOCKS).join(file_name), what: "footer or index" };
        let block = opened.ok_or_else(damaged)?;
        let stub = if block.is_cold() { file_name.clone() } else { stub_name(&block, &identity(&block)?) };
        let key = format!("{BLOCKS}/{}", stub.trim_end_matches(".cold"));
        let item = Item { path: format!("{BLOCKS}/{}", block.name), key, size: block.size, checksum: 0 };
        if there(&item) {
            done.there += 1;
        } else {
            let mut body: Box<dyn Read + '_> = match &block.pages.away {
                Some(away) => Box::new(Fetched { away, at: 0, fetched: io::Cursor::default() }),
                None => Box::new(File::open(&block.pages.path).map_err(Error::io("open", &block.pages.path))?),
            };
            put_compared(target, &item.key, &mut body, || Ok(()))?;
            done.count(&item);
        }
        items.push(item);
    }
    // After the checkpoint: what it counts of a file is in it by now, and what is behind that is cut off when it is opened.
    events::send(events, target, &mut items, &mut done)?;
    for path in others(&checkpoint) {
        let file = copy.join(&path);
        let mut body = File::open(&file).map_err(Error::io("open", &file))?;
        let key = format!("{SNAPSHOTS}/{name}/{path}");
        let (size, checksum) = put_compared(target, &key, &mut body, || Ok(()))?;
        items.push(Item { path, key, size, checksum });
        done.count(&items[items.len() - 1]);
    }
    put_compared(target, &manifest_key(name), &mut manifest(&items).as_bytes(), || Ok(()))?;
    Ok(done)
}

/// The files of a snapshot that are no blocks, the checkpoint last.
fn others(checkpoint: &Checkpoint) -> Vec<String> {
    let head = (checkpoint.head > 0).then(|| format!("head/{}.head", checkpoint.head));
    let slabs = checkpoint.windows.iter().map(|&(window, number, _)| format!("slabs/{}", slab_name(window, number)));
    head.into_iter().chain(slabs).chain(["checkpoint".to_owned()]).collect()
}

/// The bytes of a cold block, on their way from one object store to another.
struct Fetched<'a> {
    away: &'a Away,
    at: u64,
    fetched: io::Cursor<Vec<u8>>,
}

impl Read for Fetched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fetched.read(buffer)?;
        if read > 0 {
            return Ok(read);
        }
        let bytes = self.away.read(self.at, FETCHED_AT_ONCE as u32).map_err(io::Error::other)?;
        self.at += bytes.len() as u64;
        self.fetched = io::Cursor::new(bytes);
        self.fetched.read(buffer)
    }
}
