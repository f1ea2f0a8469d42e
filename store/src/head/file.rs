//! The file with what was in memory at a checkpoint: labels, then shard by shard, each with a checksum of its own.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use super::shard::{SHARDS, Shard};
use super::snapshot;
use crate::Error;
use crate::bytes::Input;
use crate::index::Index;
use crate::index::coding::{decode_index, encode_index};

/// Path of the file of a checkpoint.
pub(crate) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join("head").join(format!("{number}.head"))
}

/// Writes what was in memory: labels, then shard by shard.
pub(crate) fn write(
    path: &Path,
    labels: &[u8],
    mut shard: impl FnMut(usize) -> Result<Vec<u8>, Error>,
) -> Result<(), Error> {
    let mut failed = None;
    let written = weir_files::write_whole(path, |file| {
        let mut file = BufWriter::with_capacity(1 << 20, file);
        weir_files::put_checked(&mut file, labels)?;
        for number in 0..SHARDS {
            match shard(number) {
                Ok(record) => weir_files::put_checked(&mut file, &record)?,
                Err(error) => {
                    failed = Some(error);
                    return Err(std::io::ErrorKind::Interrupted.into());
                }
            }
        }
        file.flush()
    });
    match failed {
        Some(error) => Err(error),
        None => Ok(written?),
    }
}

/// Reads what [`write()`] wrote.
pub(crate) fn read(path: &Path) -> Result<(Index, Vec<Shard>), Error> {
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

/// What [`read_sound`] reads: labels, shards, and the numbers of those that are damaged and so are empty.
type Sound = (Index, Vec<Shard>, Vec<usize>);

/// Reads as much as is sound of what [`write()`] wrote. `None`: the labels are damaged, without which nothing is.
pub(crate) fn read_sound(path: &Path) -> Result<Option<Sound>, Error> {
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

/// Writes labels and shards as [`write()`] does.
pub(crate) fn write_shards(path: &Path, index: &Index, shards: &[Shard]) -> Result<(), Error> {
    let mut labels = Vec::new();
    encode_index(&mut labels, index);
    write(path, &labels, |number| {
        let mut coded = Vec::new();
        snapshot::encode_shard(&mut coded, &shards[number]);
        Ok(coded)
    })
}

/// Reads what [`weir_files::put_checked`] wrote.
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
