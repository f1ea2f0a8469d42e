//! What a checkpoint says: the sink's state, which files count and how much of them. The file `checkpoint` is replaced
//! as a whole; what was in memory stands in a file of its own that the checkpoint names.

use std::io::Write;
use std::path::Path;

use super::slab::SlabPlace;
use crate::Error;
use crate::bytes::{Input, put_block, put_signed, put_varint};
use crate::error::Damaged;

/// Format of every file of the store; raised when an older program could not read them.
pub(crate) const VERSION: u32 = 3;

const MAGIC: &[u8; 8] = b"weirsto\0";

/// The state of a store, apart from what was in memory.
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
        match weir_files::read_if_there(&path)? {
            Some(bytes) => Self::parse(&path, &bytes),
            None => Ok(Self::default()),
        }
    }

    /// Reads the bytes of a checkpoint.
    pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let damaged = |what| Error::Damaged { path: path.to_owned(), what };
        let (body, checksum) = bytes.split_last_chunk::<4>().ok_or_else(|| damaged("cut short"))?;
        let mut input = Input(body);
        if input.slice(MAGIC.len()).ok() != Some(MAGIC) {
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
        Ok(weir_files::write_whole(&folder.join("checkpoint"), |file| file.write_all(&out))?)
    }
}
