//! Fetched stretches of cold blocks, in files. What was not used for longest goes first; a file that is not whole is as
//! good as none, so nothing here is synced.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::Error;
use crate::locks::{Lock, Locked, Rank};

#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    most_bytes: u64,
    held: Lock<Held>,
}

/// Stretches that are held, and the order in which they were used.
#[derive(Debug, Default)]
struct Held {
    files: HashMap<String, (u64, u64)>,
    order: BTreeMap<u64, String>,
    bytes: u64,
    uses: u64,
}

impl Cache {
    /// Takes up what an earlier process kept.
    pub(super) fn open(folder: &Path, most_bytes: u64) -> Result<Self, Error> {
        let mut held = Held::default();
        if most_bytes > 0 {
            weir_files::create_folder(folder)?;
        }
        let mut kept: Vec<(SystemTime, String, u64)> = Vec::new();
        for name in weir_files::names(folder).unwrap_or_default() {
            if let Ok(meta) = fs::metadata(folder.join(&name)) {
                kept.push((meta.modified().unwrap_or(SystemTime::UNIX_EPOCH), name, meta.len()));
            }
        }
        kept.sort();
        kept.into_iter().for_each(|(_, name, size)| held.insert(name, size));
        let cache = Self { folder: folder.to_owned(), most_bytes, held: Lock::new(Rank::Cached, held) };
        cache.shrink();
        Ok(cache)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.held().bytes
    }

    pub(super) fn find(&self, name: &str) -> Option<Vec<u8>> {
        self.held().touch(name)?;
        let whole = fs::read(self.folder.join(name)).ok().and_then(|mut bytes| {
            let sum = crc32c::crc32c(bytes.get(4..)?);
            (bytes[..4] == sum.to_le_bytes()).then(|| bytes.split_off(4))
        });
        if whole.is_none() {
            self.held().forget(name);
        }
        whole
    }

    /// Keeps a stretch if it can: a full disk costs the next reader a request, and nothing else.
    pub(super) fn keep(&self, name: &str, bytes: &[u8]) {
        if bytes.len() as u64 + 4 > self.most_bytes {
            return;
        }
        let content = [&crc32c::crc32c(bytes).to_le_bytes()[..], bytes].concat();
        let path = self.folder.join(name);
        if weir_files::create(&path).and_then(|mut file| weir_files::append(&mut file, &path, &content)).is_ok() {
            self.held().insert(name.to_owned(), content.len() as u64);
            self.shrink();
        } else {
            let _ = fs::remove_file(path);
        }
    }

    /// Drops every stretch of a block.
    pub(super) fn drop_block(&self, key: &str) {
        let stretch = |name: &&String| name.strip_prefix(key).is_some_and(|rest| rest.starts_with('-'));
        let names: Vec<String> = self.held().files.keys().filter(stretch).cloned().collect();
        for name in names {
            self.held().forget(&name);
            let _ = fs::remove_file(self.folder.join(name));
        }
    }

    fn shrink(&self) {
        let mut held = self.held();
        while held.bytes > self.most_bytes {
            let Some(name) = held.order.values().next().cloned() else { return };
            held.forget(&name);
            let _ = fs::remove_file(self.folder.join(name));
        }
    }

    fn held(&self) -> Locked<'_, Held> {
        self.held.lock()
    }
}

impl Held {
    fn insert(&mut self, name: String, size: u64) {
        self.forget(&name);
        self.uses += 1;
        self.bytes += size;
        self.order.insert(self.uses, name.clone());
        self.files.insert(name, (size, self.uses));
    }

    fn touch(&mut self, name: &str) -> Option<()> {
        let &(size, _) = self.files.get(name)?;
        self.insert(name.to_owned(), size);
        Some(())
    }

    fn forget(&mut self, name: &str) {
        if let Some((size, used)) = self.files.remove(name) {
            self.order.remove(&used);
            self.bytes -= size;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_longest_goes_first_and_what_is_torn_is_not_served() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        let cache = Cache::open(&path, 35).unwrap();
        ["a", "b"].iter().for_each(|name| cache.keep(name, &[7; 10]));
        assert_eq!(cache.find("a").unwrap(), [7; 10]);
        cache.keep("c", &[8; 10]);
        assert_eq!((cache.find("b"), cache.find("a").is_some(), cache.bytes()), (None, true, 28));
        cache.keep("large", &[0; 100]);
        drop(cache);
        fs::write(path.join("a"), [1; 14]).unwrap();
        let cache = Cache::open(&path, 35).unwrap();
        assert_eq!((cache.find("a"), cache.find("c").unwrap()), (None, vec![8; 10]));
        cache.keep("k-1", &[1; 3]);
        cache.drop_block("k");
        assert_eq!((cache.find("k-1"), cache.bytes()), (None, 14));
        assert_eq!(Cache::open(&path, 0).unwrap().bytes(), 0);
    }
}
