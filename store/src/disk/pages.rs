//! A run of pages in a file, found by identity.

use std::collections::HashMap;
use std::collections::hash_map::Entry as MapEntry;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub(crate) use super::page::PageMeta;
use super::page::{Entry, Page, PageBuilder};
use crate::Error;
use crate::bytes::{Input, put_varint};
use crate::cold::Away;
use crate::error::Damaged;
use crate::index::SeriesId;
use crate::locks::{Lock, Rank};

/// Pages of a file and where they are.
#[derive(Debug)]
pub(crate) struct Pages {
    pub file: Arc<File>,
    pub path: PathBuf,
    /// Place of the pages if they are not in the file.
    pub away: Option<Away>,
    pub index: Box<[PageMeta]>,
    /// First and last instant in any page.
    pub span: (i64, i64),
    /// Pages found damaged; reported once, then passed over.
    quarantined: Lock<Vec<usize>>,
    pub quarantine: Arc<Quarantine>,
}

/// In place of a page's number: what is damaged are the labels.
const LABELS: usize = usize::MAX;

/// Number of pages found damaged since the store was opened.
#[derive(Debug)]
pub(crate) struct Quarantine {
    pub pages: AtomicU64,
    /// Files with damage.
    pub files: AtomicU64,
    /// What nobody has been told of yet.
    news: Lock<Vec<String>>,
}

impl Default for Quarantine {
    fn default() -> Self {
        Self { pages: AtomicU64::new(0), files: AtomicU64::new(0), news: Lock::new(Rank::Quarantined, Vec::new()) }
    }
}

impl Quarantine {
    /// Counts a file with damage; to be called once for each.
    pub(crate) fn file(&self, path: &Path, what: &str) {
        self.files.fetch_add(1, Relaxed);
        self.news.lock().push(format!("{}: {what}", path.display()));
    }

    /// Damage that was found since this was asked last.
    pub(crate) fn news(&self) -> Vec<String> {
        std::mem::take(&mut *self.news.lock())
    }
}

impl Pages {
    pub(crate) fn new(file: Arc<File>, path: PathBuf, index: Vec<PageMeta>, quarantine: Arc<Quarantine>) -> Self {
        let span = index
            .iter()
            .fold((i64::MAX, i64::MIN), |(min, max), page| (min.min(page.min_time), max.max(page.max_time)));
        Self {
            file,
            path,
            away: None,
            index: index.into(),
            span,
            quarantined: Lock::new(Rank::Quarantined, Vec::new()),
            quarantine,
        }
    }

    /// The same pages, elsewhere.
    pub(crate) fn away(self, away: Option<Away>) -> Self {
        Self { away, ..self }
    }

    /// Whether a page was found damaged.
    pub(crate) fn is_damaged(&self) -> bool {
        !self.quarantined.lock().is_empty()
    }

    /// Counts the labels beside the pages as damaged, once.
    pub(crate) fn labels_are_damaged(&self) {
        let mut quarantined = self.quarantined.lock();
        let (is_first, is_new) = (quarantined.is_empty(), !quarantined.contains(&LABELS));
        if is_new {
            quarantined.push(LABELS);
        }
        drop(quarantined);
        if is_first {
            self.quarantine.file(&self.path, "labels of its series");
        }
    }

    /// Reads a page. `None`: its content is not what was written; that was counted, and the rest still serves.
    pub(crate) fn read(&self, at: usize) -> Result<Option<Page>, Error> {
        let meta = &self.index[at];
        if self.quarantined.lock().contains(&at) {
            return Ok(None);
        }
        let page = match &self.away {
            Some(away) => Page::parse(away.read(meta.offset, meta.size)?).ok(),
            None => self.read_here(meta)?,
        };
        if page.is_none() {
            let mut quarantined = self.quarantined.lock();
            let (is_first, is_new) = (quarantined.is_empty(), !quarantined.contains(&at));
            if is_new {
                quarantined.push(at);
                self.quarantine.pages.fetch_add(1, Relaxed);
            }
            drop(quarantined);
            if is_first {
                self.quarantine.file(&self.path, &format!("page at {}", meta.offset));
            }
        }
        Ok(page)
    }
}

impl Pages {
    fn read_here(&self, meta: &PageMeta) -> Result<Option<Page>, Error> {
        let mut bytes = vec![0; meta.size as usize];
        match self.file.read_exact_at(&mut bytes, meta.offset) {
            Ok(()) => Ok(Page::parse(bytes).ok()),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(Error::io("read", &self.path)(error)),
        }
    }
}

/// Reads series by identity, and keeps the page it is at, or all that it reads.
pub(crate) struct PageCursor {
    pages: Arc<Pages>,
    /// Number of the page that was read last.
    current: usize,
    kept: HashMap<usize, Kept>,
    keeps_all: bool,
    /// First and last instant of damaged pages that were asked for and told to nobody yet.
    pub damaged: Vec<(i64, i64)>,
}

/// A page that was read.
struct Kept {
    page: Option<Page>,
    /// Entry that was read last.
    entry: usize,
}

impl PageCursor {
    /// One that keeps a page at a time: for identities that rise.
    pub(crate) fn new(pages: Arc<Pages>) -> Self {
        Self { pages, current: 0, kept: HashMap::new(), keeps_all: false, damaged: Vec::new() }
    }

    /// A cursor of the same pages, at no page yet.
    pub(crate) fn another(&self) -> Self {
        Self { keeps_all: self.keeps_all, ..Self::new(self.pages.clone()) }
    }

    /// Forgets the pages that it has, and from now on keeps all that it reads, so that identities may come in any order.
    pub(crate) fn keep_anew(&mut self) {
        self.kept.clear();
        self.keeps_all = true;
    }

    /// Whether the pages are in the object store.
    pub(crate) fn is_cold(&self) -> bool {
        self.pages.away.is_some()
    }

    /// The pages, as far as they are known without being read.
    pub(crate) fn index(&self) -> &[PageMeta] {
        &self.pages.index
    }

    /// The first page that may have a series: mostly the current.
    fn page_of(&self, id: SeriesId) -> usize {
        let index = &self.pages.index;
        let is_before = |at: usize| at.checked_sub(1).is_none_or(|before| index[before].last < id);
        match index.get(self.current) {
            Some(page) if page.last >= id && is_before(self.current) => self.current,
            _ => index.partition_point(|page| page.last < id),
        }
    }

    /// Hands over every entry of a series that may have samples from `start` to `end`.
    pub(crate) fn each(
        &mut self,
        id: SeriesId,
        start: i64,
        end: i64,
        mut each: impl FnMut(&Page, &Entry) -> Result<(), Damaged>,
    ) -> Result<(), Error> {
        let pages = self.pages.clone();
        let mut at = self.page_of(id);
        while let Some(meta) = pages.index.get(at).filter(|page| page.first <= id) {
            if meta.overlaps(start, end) {
                let Kept { page, entry } = self.page(at)?;
                if let Some(page) = page {
                    let found = page.entries_of(id, *entry);
                    *entry = found.start;
                    for entry in &page.entries()[found] {
                        each(page, entry).map_err(Error::damaged(&pages.path))?;
                    }
                } else {
                    self.damaged.push((meta.min_time, meta.max_time));
                }
            }
            at += 1;
        }
        Ok(())
    }

    /// A page; read, unless it is there.
    fn page(&mut self, at: usize) -> Result<&mut Kept, Error> {
        if !self.keeps_all && self.current != at {
            self.kept.clear();
        }
        self.current = at;
        Ok(match self.kept.entry(at) {
            MapEntry::Occupied(kept) => kept.into_mut(),
            MapEntry::Vacant(place) => place.insert(Kept { page: self.pages.read(at)?, entry: 0 }),
        })
    }
}

/// Writes pages one after another.
pub(crate) struct PageWriter {
    pub out: Vec<u8>,
    pub index: Vec<PageMeta>,
    /// Offset in the file at which `out` begins.
    pub base: u64,
    /// Bytes at which a page is full.
    page_bytes: usize,
    builder: PageBuilder,
}

impl PageWriter {
    pub(crate) fn new(base: u64, page_bytes: usize) -> Self {
        Self { out: Vec::new(), index: Vec::new(), base, page_bytes, builder: PageBuilder::default() }
    }

    /// Adds a series; identities must not fall. See `PageBuilder::push`.
    pub(crate) fn push(
        &mut self,
        id: SeriesId,
        kind: weir_sample::Kind,
        span: (i64, i64),
        coded: &[u8],
        content: &[u8],
    ) {
        self.builder.push(id, kind, span, coded, content);
        if self.builder.size() >= self.page_bytes {
            self.close();
        }
    }

    /// Ends the page that is open.
    pub(crate) fn close(&mut self) {
        if !self.builder.is_empty() {
            let offset = self.base + self.out.len() as u64;
            let meta = self.builder.finish(&mut self.out);
            self.index.push(PageMeta { offset, ..meta });
        }
    }
}

/// Appends what is known of pages.
pub(crate) fn put_index(out: &mut Vec<u8>, index: &[PageMeta]) {
    put_varint(out, index.len() as u64);
    for page in index {
        out.extend_from_slice(&page.first.to_le_bytes());
        out.extend_from_slice(&page.last.to_le_bytes());
        out.extend_from_slice(&page.min_time.to_le_bytes());
        out.extend_from_slice(&page.max_time.to_le_bytes());
        put_varint(out, page.offset);
        put_varint(out, u64::from(page.size));
        put_varint(out, u64::from(page.count));
    }
}

/// Reads what [`put_index`] wrote.
pub(crate) fn index(input: &mut Input<'_>) -> Result<Vec<PageMeta>, Damaged> {
    let count = input.count(51)?;
    let page = |_| {
        let (first, last) = (input.u128()?, input.u128()?);
        let (min_time, max_time) = (input.i64()?, input.i64()?);
        let (offset, size, count) = (input.varint()?, input.varint()? as u32, input.varint()? as u32);
        Ok(PageMeta { first, last, count, offset, size, min_time, max_time })
    };
    (0..count).map(page).collect()
}
