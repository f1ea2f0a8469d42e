//! Slabs: what shards seal between two flushes. All slabs of a two-hour window stand in one file, one after another;
//! when the window is flushed to a block, the file goes.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::pages::{self, PageWriter, Pages, Quarantine};
use crate::Error;
use crate::bytes::Input;

/// Small pages: a query over all hosts holds one of every slab.
const PAGE_BYTES: usize = 16 << 10;

/// The sealed samples of one shard in one window.
#[derive(Debug)]
pub(crate) struct Slab {
    /// First instant of the window.
    pub window: i64,
    /// Rises with each slab; where two have a sample of the same time, the later slab's stands.
    pub sequence: u64,
    pub shard: u32,
    /// Number of its file.
    pub file: u64,
    /// Epoch of the set of blocks that has its samples too; zero for none yet.
    pub flushed: AtomicU64,
    pub pages: Arc<Pages>,
    /// Offset of the index of its pages.
    pub index_at: u64,
    pub index_size: u32,
}

/// The place of a slab, as a checkpoint names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlabPlace {
    pub window: i64,
    pub file: u64,
    pub sequence: u64,
    pub shard: u32,
    pub index_at: u64,
    pub index_size: u32,
}

/// A slab file and how much of it is to be made durable.
#[derive(Debug)]
pub(crate) struct Unsynced {
    pub window: i64,
    pub number: u64,
    pub length: u64,
    pub file: Arc<File>,
    pub path: PathBuf,
}

/// The file of one window.
#[derive(Debug)]
struct WindowFile {
    file: Arc<File>,
    path: PathBuf,
    length: u64,
    /// Bytes from here on may not be durable.
    synced: u64,
    /// It is being flushed: what is sealed now goes to another file.
    closed: bool,
}

/// The files of all windows that are not flushed.
#[derive(Debug)]
pub(crate) struct SlabFiles {
    folder: PathBuf,
    windows: BTreeMap<(i64, u64), WindowFile>,
    next_sequence: u64,
    next_file: u64,
    quarantine: Arc<Quarantine>,
}

impl SlabFiles {
    pub(crate) fn new(folder: &Path, quarantine: Arc<Quarantine>) -> Result<Self, Error> {
        weir_files::create_folder(folder)?;
        Ok(Self { folder: folder.to_owned(), windows: BTreeMap::new(), next_sequence: 0, next_file: 0, quarantine })
    }

    /// Opens what a checkpoint names, cuts off what came after it, and removes every other file. Nothing more is written
    /// to a file that was there: a sync of it may have failed, and then later ones prove nothing.
    pub(crate) fn restore(
        folder: &Path,
        quarantine: Arc<Quarantine>,
        windows: &[(i64, u64, u64)],
        places: &[SlabPlace],
    ) -> Result<(Self, Vec<Slab>), Error> {
        let mut slabs = Self::new(folder, quarantine)?;
        for &(window, number, length) in windows {
            slabs.next_file = slabs.next_file.max(number + 1);
            let path = slabs.path(window, number);
            let mut options = OpenOptions::new();
            let file = options.read(true).write(true).open(&path).map_err(Error::io("open", &path))?;
            weir_files::cut(&file, &path, length)?;
            let file = Arc::new(file);
            slabs.windows.insert((window, number), WindowFile { file, path, length, synced: length, closed: true });
        }
        for name in weir_files::names(folder)? {
            let path = folder.join(name);
            if !slabs.windows.values().any(|window| window.path == path) {
                weir_files::remove(&path)?;
            }
        }
        let opened = places.iter().filter_map(|place| slabs.open(place).transpose()).collect::<Result<_, _>>()?;
        Ok((slabs, opened))
    }

    /// `None`: the index of the slab's pages is damaged; all of them are lost and counted as one.
    fn open(&mut self, place: &SlabPlace) -> Result<Option<Slab>, Error> {
        self.next_sequence = self.next_sequence.max(place.sequence + 1);
        let Some(window) = self.windows.get(&(place.window, place.file)) else { return Ok(None) };
        let Some(pages) = open_pages(&window.file, &window.path, place, &self.quarantine) else { return Ok(None) };
        let SlabPlace { window, file, sequence, shard, index_at, index_size } = *place;
        let flushed = AtomicU64::new(0);
        Ok(Some(Slab { window, sequence, shard, file, flushed, pages: Arc::new(pages), index_at, index_size }))
    }

    fn path(&self, window: i64, number: u64) -> PathBuf {
        self.folder.join(slab_name(window, number))
    }

    /// Appends a slab to its window's file.
    pub(crate) fn append(
        &mut self,
        window: i64,
        shard: u32,
        fill: impl FnOnce(&mut PageWriter),
    ) -> Result<Arc<Slab>, Error> {
        let number = match self.open_file(window) {
            Some(number) => number,
            None => self.create(window)?,
        };
        let sequence = self.next_sequence;
        let entry = self.windows.get_mut(&(window, number)).expect("it was found or made above");
        let mut writer = PageWriter::new(entry.length, PAGE_BYTES);
        fill(&mut writer);
        writer.close();
        let PageWriter { mut out, index, .. } = writer;
        let pages_size = out.len();
        pages::put_index(&mut out, &index);
        let checksum = crc32c::crc32c(&out[pages_size..]);
        out.extend_from_slice(&checksum.to_le_bytes());
        weir_files::write_at(&entry.file, &entry.path, &out, entry.length)?;
        let (index_at, index_size) = (entry.length + pages_size as u64, (out.len() - pages_size) as u32);
        entry.length += out.len() as u64;
        self.next_sequence += 1;
        let pages = Pages::new(entry.file.clone(), entry.path.clone(), index, self.quarantine.clone());
        let (pages, flushed) = (Arc::new(pages), AtomicU64::new(0));
        Ok(Arc::new(Slab { window, sequence, shard, file: number, flushed, pages, index_at, index_size }))
    }

    fn open_file(&self, window: i64) -> Option<u64> {
        let (&(_, number), file) = self.windows.range((window, 0)..=(window, u64::MAX)).next_back()?;
        (!file.closed).then_some(number)
    }

    fn create(&mut self, window: i64) -> Result<u64, Error> {
        let number = self.next_file;
        let path = self.path(window, number);
        let file = Arc::new(weir_files::create(&path)?);
        self.next_file += 1;
        self.windows.insert((window, number), WindowFile { file, path, length: 0, synced: 0, closed: false });
        Ok(number)
    }

    /// Window, number and length of each file.
    pub(crate) fn lengths(&self) -> Vec<(i64, u64, u64)> {
        self.windows.iter().map(|(&(window, number), file)| (window, number, file.length)).collect()
    }

    /// Files with bytes that may not be durable.
    pub(crate) fn unsynced(&self) -> Vec<Unsynced> {
        let files = self.windows.iter().filter(|(_, file)| file.synced < file.length);
        let unsynced = |(&(window, number), file): (&(i64, u64), &WindowFile)| Unsynced {
            window,
            number,
            length: file.length,
            file: file.file.clone(),
            path: file.path.clone(),
        };
        files.map(unsynced).collect()
    }

    /// Marks these as durable.
    pub(crate) fn mark_synced(&mut self, synced: &[Unsynced]) {
        for slab in synced {
            if let Some(file) = self.windows.get_mut(&(slab.window, slab.number)) {
                file.synced = file.synced.max(slab.length);
            }
        }
    }

    /// Ends the files of a window: what is sealed from now on goes to another. Returns their numbers.
    pub(crate) fn close(&mut self, window: i64) -> Vec<u64> {
        let files = self.windows.range_mut((window, 0)..=(window, u64::MAX));
        files.map(|(&(_, number), file)| (file.closed = true, number).1).collect()
    }

    /// Removes a file that was flushed. Returns its path, to be removed when no checkpoint names it any more.
    pub(crate) fn remove(&mut self, window: i64, number: u64) -> Option<PathBuf> {
        self.windows.remove(&(window, number)).map(|file| file.path)
    }

    /// Windows that have slabs, oldest first.
    pub(crate) fn windows(&self) -> Vec<i64> {
        let mut windows: Vec<i64> = self.windows.keys().map(|&(window, _)| window).collect();
        windows.dedup();
        windows
    }

    /// Bytes in all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.windows.values().map(|window| window.length).sum()
    }

    pub(crate) fn place(&self, slab: &Slab) -> Option<SlabPlace> {
        let Slab { window, sequence, shard, file, index_at, index_size, .. } = *slab;
        self.windows.contains_key(&(window, file)).then_some(())?;
        Some(SlabPlace { window, file, sequence, shard, index_at, index_size })
    }
}

/// Name of the file of a window.
pub(crate) fn slab_name(window: i64, number: u64) -> String {
    format!("{window}-{number}.slab")
}

/// The pages of a slab. `None`: their index is damaged; all of them are lost and counted as one.
pub(crate) fn open_pages(
    file: &Arc<File>,
    path: &Path,
    place: &SlabPlace,
    quarantine: &Arc<Quarantine>,
) -> Option<Pages> {
    let mut bytes = vec![0; place.index_size as usize];
    let read = file.read_exact_at(&mut bytes, place.index_at);
    let body = bytes.split_last_chunk::<4>().filter(|(body, sum)| crc32c::crc32c(body) == u32::from_le_bytes(**sum));
    let index = body.filter(|_| read.is_ok()).and_then(|(body, _)| pages::index(&mut Input(body)).ok());
    if index.is_none() {
        quarantine.pages.fetch_add(1, Relaxed);
        quarantine.file(path, "index of a slab's pages");
    }
    Some(Pages::new(file.clone(), path.to_owned(), index?, quarantine.clone()))
}

impl Slab {
    /// Whether a reader of the set of blocks of this epoch must read it.
    pub(crate) fn is_open_to(&self, epoch: u64) -> bool {
        let flushed = self.flushed.load(Relaxed);
        flushed == 0 || flushed > epoch
    }

    pub(crate) fn overlaps(&self, start: i64, end: i64) -> bool {
        let (min, max) = self.pages.span;
        min <= end && max >= start
    }
}
