//! Backups in an object store. Blocks never change, so each is sent once, under a name that tells its content; what else
//! a checkpoint names is sent with each backup. A backup counts once its manifest is there, which is written last.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use crate::care::verify::{snapshot, verify};
use crate::cold::{Away, Cold, ColdConfig, put_compared};
use crate::disk::block::{Block, BlockName};
use crate::disk::blocks::BLOCKS;
use crate::disk::checkpoint::Checkpoint;
use crate::disk::files;
use crate::disk::pages::Quarantine;
use crate::disk::slab::slab_name;
use crate::disk::stub::{identity, stub_name};
use crate::{Error, Remote};

/// What a backup sent, or a restore fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transferred {
    /// Files and objects sent.
    pub sent: u64,
    /// Bytes of those.
    pub bytes: u64,
    /// Blocks that were there already.
    pub there: u64,
}

/// What of an object is fetched at once.
const FETCHED_AT_ONCE: usize = 8 << 20;

/// Folder of the manifests and of what is sent with each backup.
pub(crate) const SNAPSHOTS: &str = "snapshots";

/// A million files have a shorter one.
const LONGEST_MANIFEST: usize = 256 << 20;

/// First line of a manifest; its number rises when an older program could not restore from it.
const MANIFEST: &str = "weir-backup 1";

/// One file of a backup. A block's key tells its content, and any other object's checksum stands beside it.
pub(crate) struct Item {
    path: String,
    pub key: String,
    size: u64,
    checksum: u32,
}

/// Sends the store as of its last checkpoint. May run beside the process that owns it. Cold blocks are copied from
/// `cold`, so that a backup needs nothing else.
///
/// # Errors
/// What the file system or an object store says; without a manifest the backup does not count.
pub fn backup(
    folder: &Path,
    cold: Option<Arc<dyn Remote>>,
    target: &dyn Remote,
    name: &str,
) -> Result<Transferred, Error> {
    let copy = folder.with_extension(format!("backup-{name}"));
    snapshot(folder, &copy)?;
    let config = cold.map(|remote| ColdConfig { remote, after: std::time::Duration::MAX, cache_bytes: 0 });
    let outcome = Cold::open(&copy, config).and_then(|cold| send(&copy, &Arc::new(cold), target, name));
    fs::remove_dir_all(&copy).map_err(Error::io("remove", &copy))?;
    outcome
}

/// Names of the backups that count, oldest first if their names rise.
///
/// # Errors
/// What the object store says.
pub fn backups(source: &dyn Remote) -> Result<Vec<String>, Error> {
    let listed = source.list(SNAPSHOTS).map_err(Error::remote("list", SNAPSHOTS))?;
    let name = |key: &str| Some(key.strip_prefix(SNAPSHOTS)?.strip_prefix('/')?.strip_suffix("/manifest")?.to_owned());
    let mut names: Vec<String> = listed.iter().filter_map(|(key, _)| name(key)).collect();
    names.sort();
    Ok(names)
}

/// Brings back a backup to a folder, which must be empty or not there; the newest if none is named. Every page of it is
/// checked before it counts. Returns the name of the backup too.
///
/// # Errors
/// [`Error::NotEmpty`], [`Error::NoBackup`], or what the object store or the file system says.
pub fn restore(source: &dyn Remote, at: Option<&str>, folder: &Path) -> Result<(String, Transferred), Error> {
    if folder.exists() && !files::names(folder)?.is_empty() {
        return Err(Error::NotEmpty(folder.to_owned()));
    }
    let names = backups(source)?;
    let wanted = names.iter().rfind(|name| at.is_none_or(|at| at == *name));
    let name = wanted.ok_or_else(|| Error::NoBackup(at.unwrap_or("any").to_owned()))?;
    let part = folder.with_extension("restoring");
    if part.exists() {
        fs::remove_dir_all(&part).map_err(Error::io("empty", &part))?;
    }
    let fetched = fetch(source, name, &part)?;
    if folder.exists() {
        fs::remove_dir(folder).map_err(Error::io("replace", folder))?;
    }
    fs::rename(&part, folder).map_err(Error::io("rename", &part))?;
    files::sync_folder(folder.parent().unwrap_or(Path::new(".")))?;
    Ok((name.clone(), fetched))
}

fn send(copy: &Path, cold: &Arc<Cold>, target: &dyn Remote, name: &str) -> Result<Transferred, Error> {
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
            done.note(&item);
        }
        items.push(item);
    }
    for path in others(&checkpoint) {
        let file = copy.join(&path);
        let mut body = File::open(&file).map_err(Error::io("open", &file))?;
        let key = format!("{SNAPSHOTS}/{name}/{path}");
        let (size, checksum) = put_compared(target, &key, &mut body, || Ok(()))?;
        items.push(Item { path, key, size, checksum });
        done.note(&items[items.len() - 1]);
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

pub(crate) fn manifest_key(name: &str) -> String {
    format!("{SNAPSHOTS}/{name}/manifest")
}

fn manifest(items: &[Item]) -> String {
    let lines = items.iter().map(|Item { path, key, size, checksum }| format!("{path} {key} {size} {checksum:08x}\n"));
    let body: String = std::iter::once(format!("{MANIFEST}\n")).chain(lines).collect();
    format!("{body}end {:08x}\n", crc32c::crc32c(body.as_bytes()))
}

fn parse_manifest(text: &str) -> Option<Vec<Item>> {
    let at = text.trim_end().rfind('\n')? + 1;
    let (body, end) = text.split_at(at);
    let sum = u32::from_str_radix(end.trim_end().strip_prefix("end ")?, 16).ok()?;
    let mut lines = body.lines();
    if sum != crc32c::crc32c(body.as_bytes()) || lines.next() != Some(MANIFEST) {
        return None;
    }
    let item = |line: &str| {
        let mut words = line.split(' ').map(str::to_owned);
        let (path, key, size) = (words.next()?, words.next()?, words.next()?.parse().ok()?);
        let checksum = u32::from_str_radix(&words.next()?, 16).ok()?;
        let inside = !path.starts_with('/') && !path.split('/').any(|part| part == "..");
        inside.then_some(Item { path, key, size, checksum })
    };
    lines.map(item).collect()
}

/// What a backup consists of.
pub(crate) fn read_manifest(source: &dyn Remote, name: &str) -> Result<Vec<Item>, Error> {
    let key = manifest_key(name);
    let text = source.get_range(&key, 0, LONGEST_MANIFEST).map_err(Error::remote("read", &key))?;
    let items = std::str::from_utf8(&text).ok().and_then(parse_manifest);
    items.ok_or_else(|| Error::Damaged { path: key.into(), what: "manifest" })
}

fn fetch(source: &dyn Remote, name: &str, part: &Path) -> Result<Transferred, Error> {
    let damaged = |key: &str, what| Error::Damaged { path: key.into(), what };
    let items = read_manifest(source, name)?;
    ["head", "slabs", BLOCKS].iter().try_for_each(|folder| files::create_folder(&part.join(folder)))?;
    let mut done = Transferred::default();
    for item in &items {
        let path = part.join(&item.path);
        let mut file = files::create(&path)?;
        let sum = fetch_to(source, item, &mut file, &path)?;
        if !item.path.starts_with(BLOCKS) && sum != item.checksum {
            return Err(damaged(&item.key, "checksum"));
        }
        files::sync(&file, &path)?;
        done.note(item);
    }
    check_blocks(part, &items)?;
    // Cold blocks came back as whole ones.
    let mut checkpoint = Checkpoint::read(part)?;
    for name in &mut checkpoint.blocks {
        if let Some(block) = BlockName::parse(name) {
            *name = block.to_string();
        }
    }
    ["head", "slabs", BLOCKS].iter().try_for_each(|folder| files::sync_folder(&part.join(folder)))?;
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
        files::write_all(file, path, &bytes)?;
        sum = crc32c::crc32c_append(sum, &bytes);
        at += bytes.len() as u64;
    }
    Ok(sum)
}

impl Transferred {
    fn note(&mut self, item: &Item) {
        self.sent += 1;
        self.bytes += item.size;
    }
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
