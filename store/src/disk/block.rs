//! Blocks: immutable files with the samples of one tier and a stretch of time, whole series side by side, found by their
//! own labels.
//!
//! Layout: magic and version, pages, labels, index of the pages, and a footer that says where the last two stand. Each
//! of them has a checksum.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use weir_sample::Kind;

use super::pages::{self, PageWriter, Pages, Quarantine};
use crate::bytes::Input;
use crate::cold::{Away, Cold};
use crate::error::Damaged;
use crate::index::coding::{decode_block_index, encode_block_index};
use crate::index::{Index, SeriesId};
use crate::{Error, Tier};

/// A page is read whole: large enough to compress and to be worth a disk's while, small enough for one series.
const PAGE_BYTES: usize = 64 << 10;

/// Bytes that are written at once.
const WRITE_BYTES: usize = 1 << 20;

const MAGIC: &[u8; 8] = b"weirblk\0";
const VERSION: u32 = 2;
const FOOTER: usize = 8 * 6 + 4 * 3;

/// The samples that a block has. Its file is named so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockName {
    pub tier: Tier,
    /// Its samples are after this instant.
    pub start: i64,
    /// And not after this one.
    pub end: i64,
    /// Rises with each block; where two have a sample of the same time, the later block's stands.
    pub number: u64,
}

/// A block that can be read.
#[derive(Debug)]
pub(crate) struct Block {
    pub name: BlockName,
    pub pages: Arc<Pages>,
    pub series: u64,
    pub samples: u64,
    /// Bytes of its file.
    pub size: u64,
    labels: (u64, u32, u32),
}

impl std::fmt::Display for BlockName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { tier, start, end, number } = self;
        write!(f, "{}_{start}_{end}_{number}.block", tier.name())
    }
}

impl BlockName {
    /// Whether a file of this name is the stub of a block in the object store.
    pub(crate) fn is_stub(text: &str) -> bool {
        text.ends_with(".cold")
    }

    /// Reads what `Display` writes, or the name of a stub, which has the identity of its block's content behind that.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix(".block").or_else(|| Some(text.strip_suffix(".cold")?.rsplit_once('_')?.0))?;
        let mut parts = text.split('_');
        let name = parts.next()?;
        let tier = Tier::ALL.into_iter().find(|tier| tier.name() == name)?;
        let (start, end) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Self { tier, start, end, number: parts.next()?.parse().ok()? })
    }

    pub(crate) fn span(&self) -> i64 {
        self.end - self.start
    }
}

impl Block {
    /// Opens a block or the stub of one. `None`: the index of its pages is damaged, so none of it can be read; that was
    /// counted.
    pub(crate) fn open(
        folder: &Path,
        file_name: &str,
        quarantine: Arc<Quarantine>,
        cold: &Arc<Cold>,
    ) -> Result<Option<Self>, Error> {
        let path = folder.join(file_name);
        let damaged = || Error::Damaged { path: path.clone(), what: "name of a block" };
        let name = BlockName::parse(file_name).ok_or_else(damaged)?;
        let file = File::open(&path).map_err(Error::io("open", &path))?;
        let size = file.metadata().map_err(Error::io("open", &path))?.len();
        match read_footer(&file, size).map_err(Error::io("read", &path))? {
            Some((index, labels, series, samples)) => {
                let away = BlockName::is_stub(file_name).then(|| Away::new(file_name, size, cold));
                let pages = Arc::new(Pages::new(Arc::new(file), path, index, quarantine).away(away));
                Ok(Some(Self { name, pages, series, samples, size, labels }))
            }
            None => {
                quarantine.pages.fetch_add(1, Relaxed);
                quarantine.file(&path, "index of its pages");
                Ok(None)
            }
        }
    }

    /// Whether its pages are in the object store.
    pub(crate) fn is_cold(&self) -> bool {
        self.pages.away.is_some()
    }

    /// Name of its file, or of its stub.
    pub(crate) fn file_name(&self) -> String {
        self.pages.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Offset of its labels in its file.
    pub(crate) fn pages_end(&self) -> u64 {
        self.labels.0
    }

    pub(crate) fn overlaps(&self, start: i64, end: i64) -> bool {
        let (min, max) = self.pages.span;
        min <= end && max >= start
    }

    /// Bytes that its labels take in the file.
    pub(crate) fn label_bytes(&self) -> u64 {
        self.labels.1.into()
    }

    /// Numbers of the sound pages, and what is known of the others.
    pub(crate) fn sound_pages(&self) -> Result<(Vec<usize>, Vec<pages::PageMeta>), Error> {
        let (mut sound, mut damaged) = (Vec::new(), Vec::new());
        for at in 0..self.pages.index.len() {
            match self.pages.read(at)? {
                Some(_) => sound.push(at),
                None => damaged.push(self.pages.index[at]),
            }
        }
        Ok((sound, damaged))
    }

    /// Reads its labels. `None`: they are damaged.
    pub(crate) fn read_labels(&self) -> Result<Option<Index>, Error> {
        let (at, size, checksum) = self.labels;
        let mut bytes = vec![0; size as usize];
        self.pages.file.read_exact_at(&mut bytes, at).map_err(Error::io("read", &self.pages.path))?;
        let whole = crc32c::crc32c(&bytes) == checksum;
        Ok(whole.then(|| decode_block_index(&mut Input(&bytes)).ok()).flatten())
    }
}

type Footer = (Vec<pages::PageMeta>, (u64, u32, u32), u64, u64);

fn read_footer(file: &File, size: u64) -> std::io::Result<Option<Footer>> {
    let mut magic = [0; MAGIC.len()];
    let mut footer = [0; FOOTER];
    if size < (MAGIC.len() + 4 + FOOTER) as u64 {
        return Ok(None);
    }
    file.read_exact_at(&mut magic, 0)?;
    file.read_exact_at(&mut footer, size - FOOTER as u64)?;
    let Ok((labels, index_at, index_size, checksum, series, samples)) = parse_footer(&footer) else { return Ok(None) };
    if &magic != MAGIC || index_at + index_size > size {
        return Ok(None);
    }
    let mut bytes = vec![0; index_size as usize];
    file.read_exact_at(&mut bytes, index_at)?;
    if crc32c::crc32c(&bytes) != checksum {
        return Ok(None);
    }
    Ok(pages::index(&mut Input(&bytes)).ok().map(|index| (index, labels, series, samples)))
}

type Parsed = ((u64, u32, u32), u64, u64, u32, u64, u64);

fn parse_footer(footer: &[u8; FOOTER]) -> Result<Parsed, Damaged> {
    let (body, checksum) = footer.split_at(FOOTER - 4);
    let mut input = Input(body);
    let labels = (input.u64()?, input.u64()? as u32, input.u32()?);
    let (index_at, index_size, index_checksum) = (input.u64()?, input.u64()?, input.u32()?);
    let (series, samples) = (input.u64()?, input.u64()?);
    let whole = Input(checksum).u32()? == crc32c::crc32c(body) && index_at.checked_add(index_size).is_some();
    whole.then_some((labels, index_at, index_size, index_checksum, series, samples)).ok_or(Damaged("footer"))
}

/// Writes a block, series by series. Nothing counts before [`BlockWriter::finish`].
pub(crate) struct BlockWriter {
    name: BlockName,
    path: PathBuf,
    temporary: PathBuf,
    file: File,
    pages: PageWriter,
    written: u64,
    last: Option<SeriesId>,
    series: u64,
    samples: u64,
}

impl BlockWriter {
    pub(crate) fn create(folder: &Path, name: BlockName) -> Result<Self, Error> {
        let path = folder.join(name.to_string());
        let temporary = path.with_extension("tmp");
        let file = weir_files::create(&temporary)?;
        let mut pages = PageWriter::new(0, PAGE_BYTES);
        pages.out.extend_from_slice(MAGIC);
        pages.out.extend_from_slice(&VERSION.to_le_bytes());
        Ok(Self { name, path, temporary, file, pages, written: 0, last: None, series: 0, samples: 0 })
    }

    /// Adds a series; identities must not fall.
    pub(crate) fn push(
        &mut self,
        id: SeriesId,
        kind: Kind,
        times: &[i64],
        coded: &[u8],
        content: &[u8],
    ) -> Result<(), Error> {
        let Some(span) = times.first().copied().zip(times.last().copied()) else { return Ok(()) };
        self.pages.push(id, kind, span, coded, content);
        self.series += u64::from(self.last.replace(id) != Some(id));
        self.samples += times.len() as u64;
        if self.pages.out.len() >= WRITE_BYTES { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), Error> {
        weir_files::append(&mut self.file, &self.temporary, &self.pages.out)?;
        self.written += self.pages.out.len() as u64;
        self.pages.base = self.written;
        self.pages.out.clear();
        Ok(())
    }

    /// Makes the block durable. `None`: it has no series, and there is no file.
    pub(crate) fn finish(mut self, index: &Index, quarantine: Arc<Quarantine>) -> Result<Option<Arc<Block>>, Error> {
        if self.series == 0 {
            self.abandon()?;
            return Ok(None);
        }
        self.pages.close();
        let labels_at = self.written + self.pages.out.len() as u64;
        let mut labels = Vec::new();
        encode_block_index(&mut labels, index);
        let labels = (labels_at, std::mem::take(&mut labels));
        let mut page_index = Vec::new();
        pages::put_index(&mut page_index, &self.pages.index);
        let out = &mut self.pages.out;
        out.extend_from_slice(&labels.1);
        out.extend_from_slice(&page_index);
        let checksum = crc32c::crc32c(&labels.1);
        let mut footer = Vec::with_capacity(FOOTER);
        footer.extend(labels_at.to_le_bytes());
        footer.extend((labels.1.len() as u64).to_le_bytes());
        footer.extend(checksum.to_le_bytes());
        footer.extend((labels_at + labels.1.len() as u64).to_le_bytes());
        footer.extend((page_index.len() as u64).to_le_bytes());
        footer.extend(crc32c::crc32c(&page_index).to_le_bytes());
        footer.extend(self.series.to_le_bytes());
        footer.extend(self.samples.to_le_bytes());
        footer.extend(crc32c::crc32c(&footer).to_le_bytes());
        out.extend_from_slice(&footer);
        let labels = (labels_at, labels.1.len() as u32, checksum);
        self.write()?;
        weir_files::publish(&self.file, &self.temporary, &self.path)?;
        let index = std::mem::take(&mut self.pages.index);
        let file = Arc::new(File::open(&self.path).map_err(Error::io("open", &self.path))?);
        let pages = Arc::new(Pages::new(file, self.path, index, quarantine));
        let Self { name, series, samples, written: size, .. } = self;
        Ok(Some(Arc::new(Block { name, pages, series, samples, size, labels })))
    }

    /// Removes what was written so far.
    pub(crate) fn abandon(self) -> Result<(), Error> {
        Ok(weir_files::remove(&self.temporary)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        let name = BlockName { tier: Tier::Minute, start: -7_200_000, end: 0, number: 12 };
        assert_eq!(BlockName::parse(&name.to_string()), Some(name));
        assert_eq!(BlockName::parse("1m_-7200000_0_12_ab.cold"), Some(name));
        assert_eq!((BlockName::parse("1m_0_1.block"), BlockName::parse("1m_0_1_2.cold")), (None, None));
    }
}
