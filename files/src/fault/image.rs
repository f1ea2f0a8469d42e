//! What of a folder is durable: names whose folder was synced, and the bytes that files had when they were synced.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::change::Change;

/// What stands under a name. A file keeps its number when it is renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Folder,
    File(u64),
}

type Names = BTreeMap<PathBuf, Node>;

#[derive(Debug, Default)]
pub(super) struct Image {
    /// As programs see them.
    live: Names,
    /// As they are after a crash. What stands under a name that is not here is not here either.
    durable: Names,
    synced: BTreeMap<u64, Vec<u8>>,
    /// Files that a sync has failed for: what was written before may be gone whatever later syncs say.
    untrusted: BTreeSet<u64>,
    files: u64,
}

impl Image {
    /// All that is in a folder, as durable.
    pub(super) fn of(root: &Path) -> io::Result<Self> {
        let mut image = Self::default();
        for (path, is_folder) in all_in(root)? {
            let node = if is_folder { Node::Folder } else { image.new_file(fs::read(&path)?) };
            image.live.insert(path, node);
        }
        image.durable = image.live.clone();
        Ok(image)
    }

    /// Follows a change that was made.
    pub(super) fn apply(&mut self, path: &Path, change: Change<'_>) -> io::Result<()> {
        match change {
            Change::Written => {}
            Change::Opened => {
                let number = self.file_at(path);
                if fs::metadata(path)?.len() == 0 {
                    // Made, or emptied: what will be written is new.
                    self.untrusted.remove(&number);
                }
            }
            Change::FolderMade => {
                // Of one that was here before, nothing comes back.
                forget_below(&mut self.durable, path);
                self.live.insert(path.to_owned(), Node::Folder);
            }
            Change::Removed => self.live.retain(|name, _| !name.starts_with(path)),
            Change::Renamed(to) => {
                if let Some(node) = self.live.remove(path) {
                    self.live.insert(to.to_owned(), node);
                }
            }
            Change::Linked(to) => {
                if let Some(&node) = self.live.get(path) {
                    self.live.insert(to.to_owned(), node);
                }
            }
            Change::Synced(file) => {
                let number = self.file_at(path);
                if is_at(file, path) && !self.untrusted.contains(&number) {
                    self.synced.insert(number, fs::read(path)?);
                }
            }
            Change::FolderSynced => self.sync_names(path)?,
        }
        Ok(())
    }

    /// After a failed sync.
    pub(super) fn lose_unsynced(&mut self, path: &Path, file: &File) {
        let number = self.file_at(path);
        if is_at(file, path) {
            self.untrusted.insert(number);
        }
    }

    /// Makes the folder be what is durable, and a part of what files have had appended since.
    pub(super) fn restore(&mut self, root: &Path, part: f64) -> io::Result<()> {
        let names = std::mem::take(&mut self.durable);
        let mut kept = Names::new();
        for (path, node) in names {
            // Names come in order: a folder before what is in it.
            let reached = path.parent().is_some_and(|above| above == root || kept.get(above) == Some(&Node::Folder));
            if !reached {
                continue;
            }
            if let (Node::File(number), true) = (node, self.live.get(&path) == Some(&node)) {
                self.keep_appended(number, &path, part);
            }
            kept.insert(path, node);
        }
        for (path, is_folder) in all_in(root)?.into_iter().rev() {
            match kept.get(&path) {
                Some(Node::Folder) if is_folder => {}
                Some(Node::File(_)) if !is_folder => {}
                _ if is_folder => fs::remove_dir_all(&path)?,
                _ => fs::remove_file(&path)?,
            }
        }
        for (path, node) in &kept {
            match node {
                Node::Folder => fs::create_dir_all(path)?,
                Node::File(number) => fs::write(path, self.synced.get(number).map_or(&[][..], |bytes| bytes))?,
            }
        }
        *self = Self::of(root)?;
        Ok(())
    }

    fn keep_appended(&mut self, number: u64, path: &Path, part: f64) {
        let synced = self.synced.entry(number).or_default();
        if let Some(appended) = fs::read(path).unwrap_or_default().strip_prefix(synced.as_slice()) {
            synced.extend_from_slice(&appended[..(appended.len() as f64 * part) as usize]);
        }
    }

    /// The number of the file at a path, which may be new.
    fn file_at(&mut self, path: &Path) -> u64 {
        if let Some(Node::File(number)) = self.live.get(path) {
            return *number;
        }
        let node = self.new_file(Vec::new());
        self.live.insert(path.to_owned(), node);
        self.files
    }

    fn new_file(&mut self, synced: Vec<u8>) -> Node {
        self.files += 1;
        self.synced.insert(self.files, synced);
        Node::File(self.files)
    }

    /// Names that came or went past us count as well: the disk does not know who made them.
    fn sync_names(&mut self, folder: &Path) -> io::Result<()> {
        let mut there = Names::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            let node = if entry.file_type()?.is_dir() { Node::Folder } else { Node::File(self.file_at(&path)) };
            there.insert(path, node);
        }
        for names in [&mut self.live, &mut self.durable] {
            let mut gone = names.keys().filter(|name| name.parent() == Some(folder)).cloned().collect::<Vec<_>>();
            gone.retain(|name| !there.contains_key(name));
            for name in gone {
                forget_below(names, &name);
                names.remove(&name);
            }
            names.extend(there.iter().map(|(name, node)| (name.clone(), *node)));
        }
        Ok(())
    }
}

fn forget_below(names: &mut Names, folder: &Path) {
    names.retain(|name, _| name == folder || !name.starts_with(folder));
}

/// Paths of all that is in a folder, at any depth, and whether they are folders; a folder before what is in it.
fn all_in(folder: &Path) -> io::Result<Vec<(PathBuf, bool)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_folder = entry.file_type()?.is_dir();
        found.push((entry.path(), is_folder));
        if is_folder {
            found.extend(all_in(&entry.path())?);
        }
    }
    Ok(found)
}

/// Whether an open file is the one that has this name.
fn is_at(file: &File, path: &Path) -> bool {
    let inode = |meta: io::Result<std::fs::Metadata>| meta.map(|meta| (meta.dev(), meta.ino())).ok();
    inode(file.metadata()).is_some_and(|here| inode(std::fs::metadata(path)) == Some(here))
}
