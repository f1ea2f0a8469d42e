//! What a checkpoint says: the sink's state, which files count and how much of them. The file `checkpoint` is replaced
//! as a whole; what was in memory stands in a file of its own that the checkpoint names.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use crate::Error;
use crate::bytes::{Input, put_block, put_signed, put_varint};
use crate::disk::files;
use crate::disk::slab::SlabPlace;
use crate::error::Damaged;
use crate::head::shard::{SHARDS, Shard};
use crate::head::snapshot;
use crate::index::Index;
use crate::index::coding::{decode_index, encode_index};

/// Format of every file of the store; raised when an older program could not read them.
pub(crate) const VERSION: u32 = 3;

const MAGIC: &[u8; 8] = b"weirsto\0";

/// What the store is, apart from what was in memory.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Checkpoint {
    pub sink_state: Vec<u8>,
    /// Number of the file with what was in memory; zero for none.
    pub head: u64,
    /// Newest timestamp seen.
    pub watermark: i64,
    /// Window, number and length of each slab file.
    pub windows: Vec<(i64, u64, u64)>,
    pub slabs: Vec<SlabPlace>,
    /// Samples up to this instant are in blocks.
    pub frontier: i64,
    /// Names of the blocks that exist.
    pub blocks: Vec<String>,
}

impl Default for Checkpoint {
    fn default() -> Self {
        let (sink_state, windows, slabs, blocks) = Default::default();
        Self { sink_state, head: 0, watermark: i64::MIN, windows, slabs, frontier: i64::MIN, blocks }
    }
}

impl Checkpoint {
    /// Reads the last checkpoint in a folder; none is a new store.
    pub(crate) fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("checkpoint");
        match files::read_if_there(&path)? {
            Some(bytes) => Self::parse(&path, &bytes),
            None => Ok(Self::default()),
        }
    }

    /// Reads the bytes of a checkpoint.
    pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let damaged = |what| Error::Damaged { path: path.to_owned(), what };
        let (body, checksum) = bytes.split_last_chunk::<4>().ok_or_else(|| damaged("cut short"))?;
        let mut input = Input(body);
        if input.take(MAGIC.len()).ok() != Some(MAGIC) {
            return Err(damaged("not a checkpoint"));
        }
        let version = input.u32().map_err(Error::damaged(path))?;
        if version != VERSION {
            return Err(Error::Version { path: path.to_owned(), found: version });
        }
        if crc32c::crc32c(body) != u32::from_le_bytes(*checksum) {
            return Err(damaged("checksum"));
        }
        Self::decode(&mut input).map_err(Error::damaged(path))
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Damaged> {
        let sink_state = input.block()?.to_vec();
        let (head, watermark) = (input.varint()?, input.signed()?);
        let window = |input: &mut Input<'_>| Ok((input.signed()?, input.varint()?, input.varint()?));
        let windows = (0..input.count(3)?).map(|_| window(input)).collect::<Result<_, _>>()?;
        let slab = |input: &mut Input<'_>| {
            let (window, file, sequence) = (input.signed()?, input.varint()?, input.varint()?);
            let (shard, index_at, index_size) = (input.varint()? as u32, input.varint()?, input.varint()? as u32);
            Ok(SlabPlace { window, file, sequence, shard, index_at, index_size })
        };
        let slabs = (0..input.count(6)?).map(|_| slab(input)).collect::<Result<_, _>>()?;
        let frontier = input.signed()?;
        let blocks = (0..input.count(1)?).map(|_| input.text().map(str::to_owned)).collect::<Result<_, _>>()?;
        Ok(Self { sink_state, head, watermark, windows, slabs, frontier, blocks })
    }

    /// Makes this the store's checkpoint.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Error> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&VERSION.to_le_bytes());
        put_block(&mut out, &self.sink_state);
        put_varint(&mut out, self.head);
        put_signed(&mut out, self.watermark);
        put_varint(&mut out, self.windows.len() as u64);
        for &(window, number, length) in &self.windows {
            put_signed(&mut out, window);
            put_varint(&mut out, number);
            put_varint(&mut out, length);
        }
        put_varint(&mut out, self.slabs.len() as u64);
        for slab in &self.slabs {
            put_signed(&mut out, slab.window);
            for number in [slab.file, slab.sequence, slab.shard.into(), slab.index_at, slab.index_size.into()] {
                put_varint(&mut out, number);
            }
        }
        put_signed(&mut out, self.frontier);
        put_varint(&mut out, self.blocks.len() as u64);
        self.blocks.iter().for_each(|name| put_block(&mut out, name.as_bytes()));
        let checksum = crc32c::crc32c(&out);
        out.extend_from_slice(&checksum.to_le_bytes());
        files::write_whole(&folder.join("checkpoint"), |file| file.write_all(&out))
    }
}

/// The file with what was in memory at a checkpoint.
pub(crate) fn head_path(folder: &Path, number: u64) -> PathBuf {
    folder.join("head").join(format!("{number}.head"))
}

/// Writes what was in memory: labels, then shard by shard.
pub(crate) fn write_head(
    path: &Path,
    labels: &[u8],
    mut shard: impl FnMut(usize) -> Result<Vec<u8>, Error>,
) -> Result<(), Error> {
    let mut failed = None;
    let written = files::write_whole(path, |file| {
        let mut file = BufWriter::with_capacity(1 << 20, file);
        files::put_checked(&mut file, labels)?;
        for number in 0..SHARDS {
            match shard(number) {
                Ok(record) => files::put_checked(&mut file, &record)?,
                Err(error) => {
                    failed = Some(error);
                    return Err(std::io::ErrorKind::Interrupted.into());
                }
            }
        }
        file.flush()
    });
    failed.map_or(written, Err)
}

/// Reads what [`write_head`] wrote.
pub(crate) fn read_head(path: &Path) -> Result<(Index, Vec<Shard>), Error> {
    let mut file = std::io::BufReader::with_capacity(1 << 20, File::open(path).map_err(Error::io("open", path))?);
    let mut index = decode_index(&mut Input(&record(&mut file, path)?)).map_err(Error::damaged(path))?;
    let mut shards = Vec::with_capacity(SHARDS);
    for number in 0..SHARDS {
        let record = record(&mut file, path)?;
        let shard = snapshot::decode_shard(&mut Input(&record), number as u32, &mut index);
        shards.push(shard.map_err(Error::damaged(path))?);
    }
    Ok((index, shards))
}

/// What [`read_head_in_part`] reads: labels, shards, and the numbers of those that are damaged and so are empty.
type HeadInPart = (Index, Vec<Shard>, Vec<usize>);

/// Reads as much as is sound of what [`write_head`] wrote. `None`: the labels are damaged, without which nothing is.
pub(crate) fn read_head_in_part(path: &Path) -> Result<Option<HeadInPart>, Error> {
    let mut file = std::io::BufReader::with_capacity(1 << 20, File::open(path).map_err(Error::io("open", path))?);
    let labels = match record(&mut file, path) {
        Err(Error::Damaged { .. }) => return Ok(None),
        labels => labels?,
    };
    let Ok(mut index) = decode_index(&mut Input(&labels)) else { return Ok(None) };
    let (mut shards, mut damaged) = (Vec::with_capacity(SHARDS), Vec::new());
    for number in 0..SHARDS {
        let record = record(&mut file, path).ok();
        let shard =
            record.and_then(|record| snapshot::decode_shard(&mut Input(&record), number as u32, &mut index).ok());
        if shard.is_none() {
            damaged.push(number);
        }
        let empty = || Shard { number: number as u32, seal_at: 1, ..Shard::default() };
        shards.push(shard.unwrap_or_else(empty));
    }
    Ok(Some((index, shards, damaged)))
}

/// Writes labels and shards as [`write_head`] does.
pub(crate) fn write_head_of(path: &Path, index: &Index, shards: &[Shard]) -> Result<(), Error> {
    let mut labels = Vec::new();
    encode_index(&mut labels, index);
    write_head(path, &labels, |number| {
        let mut coded = Vec::new();
        snapshot::encode_shard(&mut coded, &shards[number]);
        Ok(coded)
    })
}

fn record(file: &mut impl Read, path: &Path) -> Result<Vec<u8>, Error> {
    let mut header = [0; 8];
    file.read_exact(&mut header).map_err(Error::io("read", path))?;
    let (size, checksum) = header.split_at(4);
    let number = |bytes: &[u8]| bytes.try_into().map_or(0, u32::from_le_bytes);
    let mut bytes = Vec::new();
    file.take(number(size).into()).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    if bytes.len() != number(size) as usize || crc32c::crc32c(&bytes) != number(checksum) {
        return Err(Error::Damaged { path: path.to_owned(), what: "checksum" });
    }
    Ok(bytes)
}
