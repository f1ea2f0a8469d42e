//! `weir store`: a look at the embedded store, and copies of it.

mod export;
mod import;
#[cfg(feature = "parquet")]
mod parquet;
pub(crate) mod settings;
pub(crate) mod text;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use weir_store::{Error, Stats, Store, StoreConfig, Verified};

#[derive(clap::Subcommand)]
pub(crate) enum StoreCommand {
    /// Read every file and check every page; may run beside the server
    Verify(Folder),
    /// Series, blocks and bytes; the server must be stopped
    Stats(Folder),
    /// Copy the store as of its last checkpoint, by hard links; may run beside the server
    Snapshot(SnapshotArgs),
    /// Write samples as Prometheus text with timestamps, or as a Parquet file; the server must be stopped
    Export(export::ExportArgs),
    /// Store samples of Prometheus text with timestamps, or of remote-write requests; the server must be stopped
    Import(import::ImportArgs),
}

#[derive(clap::Args)]
pub(crate) struct Folder {
    /// Folder of keys, queue and store, as in the server's configuration
    #[arg(long)]
    data: PathBuf,
}

#[derive(clap::Args)]
pub(crate) struct SnapshotArgs {
    #[command(flatten)]
    folder: Folder,
    /// Where the copy goes: a folder that does not exist, on the same file system. To restore, put it in the place of
    /// `store` in a data folder with an empty queue
    target: PathBuf,
}

impl Folder {
    fn existing_store(&self) -> Result<PathBuf> {
        let store = self.store();
        if store.join("lock").exists() { Ok(store) } else { bail!("there is no store in {}", self.data.display()) }
    }

    fn store(&self) -> PathBuf {
        self.data.join("store")
    }
}

/// Opens a store that nobody else has open, with the state of its sink.
fn open(folder: &Path) -> Result<(Store, Vec<u8>)> {
    Store::open(folder, StoreConfig::default()).map_err(say_owner).context("opening the store")
}

/// A store that a server has open is asked through it.
fn say_owner(error: Error) -> anyhow::Error {
    match error {
        Error::Locked { .. } => anyhow::anyhow!("{error}. {ONLINE}"),
        error => error.into(),
    }
}

const ONLINE: &str = "This works on a stopped server alone. A running one is asked by HTTP, here at its usual address: \
    samples by curl -G http://127.0.0.1:8641/api/v1/export --data-urlencode 'match[]=SELECTOR', sizes by curl \
    http://127.0.0.1:8641/metrics, all by weir query; a copy of it by weir store snapshot is as good";

pub(crate) fn main(command: StoreCommand) -> Result<()> {
    match command {
        StoreCommand::Verify(folder) => verify(&folder.existing_store()?),
        StoreCommand::Stats(folder) => {
            let stats = weir_store::stats(&folder.existing_store()?).map_err(say_owner);
            print_stats(&stats.context("reading the store")?);
            Ok(())
        }
        StoreCommand::Export(args) => export::main(&args),
        StoreCommand::Import(args) => import::main(&args),
        StoreCommand::Snapshot(SnapshotArgs { folder, target }) => {
            weir_store::snapshot(&folder.store(), &target).context("copying the store")?;
            println!("copied to {}", target.display());
            Ok(())
        }
    }
}

fn verify(folder: &Path) -> Result<()> {
    let Verified { files, pages, samples, damaged } = weir_store::verify(folder).context("reading the store")?;
    println!("{files} files, {pages} pages, {samples} samples");
    damaged.iter().for_each(|line| println!("damaged: {line}"));
    if damaged.is_empty() {
        return Ok(());
    }
    bail!("{} places are damaged; they are left out of answers. Check the disk, restore from a copy", damaged.len())
}

fn print_stats(stats: &Stats) {
    println!("series in memory  {}", stats.series);
    println!("bytes in slabs    {}", stats.slab_bytes);
    println!("damaged pages     {}", stats.damaged_pages);
    println!("{:<6}{:>8}{:>14}{:>18}{:>18}{:>10}", "tier", "blocks", "series", "samples", "bytes", "B/sample");
    for tier in &stats.tiers {
        let each = if tier.samples > 0 { tier.bytes as f64 / tier.samples as f64 } else { 0.0 };
        let name = tier.tier.name();
        println!("{name:<6}{:>8}{:>14}{:>18}{:>18}{each:>10.3}", tier.blocks, tier.series, tier.samples, tier.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_in_use_names_its_owner_and_the_way_to_ask_it() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder { data: data.path().to_owned() };
        let (server, _) = Store::open(&folder.store(), StoreConfig::default()).unwrap();
        server.checkpoint(b"").unwrap();
        let stats = main(StoreCommand::Stats(folder)).unwrap_err();
        let open = open(&data.path().join("store")).unwrap_err();
        for error in [stats, open] {
            let text = format!("{error:#}");
            let owner = format!("is in use by process {}", std::process::id());
            assert!(text.contains(&owner) && text.contains("/api/v1/export"), "{text}");
        }
    }
}
