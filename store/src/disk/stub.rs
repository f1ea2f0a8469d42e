//! What stays of a block that goes to the object store.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use xxhash_rust::xxh3::Xxh3;

use super::block::Block;
use crate::Error;

/// Name of the stub of a block with that content.
pub(crate) fn stub_name(block: &Block, identity: &str) -> String {
    format!("{}_{identity}.cold", block.name.to_string().trim_end_matches(".block"))
}

/// A mark that tells the content of a block from any other: a hash of all but its pages, and of their checksums.
pub(crate) fn identity(block: &Block) -> Result<String, Error> {
    let pages = &block.pages;
    let mut hash = Xxh3::new();
    let mut sum = [0; 4];
    for page in &pages.index {
        let at = page.offset + u64::from(page.size).saturating_sub(4);
        pages.file.read_exact_at(&mut sum, at).map_err(Error::io("read", &pages.path))?;
        hash.update(&sum);
    }
    hash.update(&tail(block).map_err(Error::io("read", &pages.path))?);
    Ok(format!("{:032x}", hash.digest128()))
}

/// Everything of a block that stands behind its pages.
fn tail(block: &Block) -> io::Result<Vec<u8>> {
    let from = block.pages_end();
    let mut bytes = vec![0; block.size.saturating_sub(from) as usize];
    block.pages.file.read_exact_at(&mut bytes, from)?;
    Ok(bytes)
}

/// Writes a stub and makes it durable. The place of the pages is left out of it, where the file system can do so.
pub(crate) fn write(block: &Block, path: &Path) -> Result<(), Error> {
    let source = &block.pages;
    let first = source.index.iter().map(|page| page.offset).min().unwrap_or(0);
    let copied = |file: &mut File| {
        let mut head = vec![0; first as usize];
        source.file.read_exact_at(&mut head, 0)?;
        file.set_len(block.size)?;
        file.write_all_at(&head, 0)?;
        file.write_all_at(&tail(block)?, block.pages_end())
    };
    Ok(weir_files::write_whole(path, copied)?)
}
