//! `weir store`: a look at the embedded store, and copies of it.

mod distributions;
mod export;
mod folder;
mod import;
#[cfg(feature = "parquet")]
mod parquet;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use weir_files::say;
use weir_sample::Timestamp;
use weir_store::{Forgotten, Remote, Repaired, Stats, Verified};

use crate::clock::now;
use crate::cmd::progress::Progress;
use folder::{Address, Folder, say_owner};

#[derive(clap::Subcommand)]
pub(crate) enum StoreCommand {
    /// Read every file and check every page; may run beside the server
    Verify(Folder),
    /// Take out what is damaged, work out again what can be, and say what is lost; the server must be stopped
    Repair(Folder),
    /// Series, blocks and bytes; the server must be stopped
    Stats(Folder),
    /// Copy the store as of its last checkpoint, by hard links; may run beside the server
    Snapshot(SnapshotArgs),
    /// Send the store as of its last checkpoint to an object store; what is there already is not sent again. May run
    /// beside the server
    Backup(BackupArgs),
    /// Names of the backups in an object store
    Backups(Address),
    /// Delete old backups, and what no other needs; not while a backup is made
    Forget(ForgetArgs),
    /// Bring a backup back to a data folder without a store
    Restore(RestoreArgs),
    /// Write samples as Prometheus text with timestamps, or as a Parquet file; the server must be stopped
    Export(export::ExportArgs),
    /// Store samples of Prometheus text with timestamps, or of remote-write requests; the server must be stopped
    Import(import::ImportArgs),
}

/// Opens the store of a stopped server.
pub(crate) fn open_stopped(data: PathBuf, config: Option<PathBuf>) -> Result<weir_store::Store> {
    let folder = Folder { data, config };
    Ok(folder::open(&folder.existing_store()?, folder.store_config()?)?.0)
}

#[derive(clap::Args)]
pub(crate) struct BackupArgs {
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    target: Address,
}

#[derive(clap::Args)]
pub(crate) struct ForgetArgs {
    /// How many backups stay, the newest
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    keep_last: u32,
    #[command(flatten)]
    target: Address,
}

#[derive(clap::Args)]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    source: Address,
    /// Name of the backup, as `weir store backups` lists it; the newest if left out
    #[arg(long)]
    at: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct SnapshotArgs {
    #[command(flatten)]
    folder: Folder,
    /// Where the copy goes: a folder that does not exist, on the same file system. To restore, put it in the place of
    /// `store` in a data folder with an empty queue
    target: PathBuf,
}

pub(crate) fn main(command: StoreCommand) -> Result<()> {
    match command {
        StoreCommand::Verify(folder) => verify(&folder.existing_store()?, folder.cold()?),
        StoreCommand::Repair(folder) => repair(&folder.existing_store()?),
        StoreCommand::Backup(BackupArgs { folder, target }) => backup(&folder, &target),
        StoreCommand::Backups(source) => {
            let names = weir_store::backups(&source.open()?).context("listing the backups")?;
            names.iter().for_each(|name| say!("{name}"));
            Ok(())
        }
        StoreCommand::Forget(ForgetArgs { keep_last, target }) => forget(&target, keep_last as usize),
        StoreCommand::Restore(RestoreArgs { folder, source, at }) => restore(&folder, &source, at.as_deref()),
        StoreCommand::Stats(folder) => {
            let stats = weir_store::stats(&folder.existing_store()?).map_err(say_owner);
            print_stats(&stats.context("reading the store")?);
            Ok(())
        }
        StoreCommand::Export(args) => export::main(&args),
        StoreCommand::Import(args) => import::main(&args),
        StoreCommand::Snapshot(SnapshotArgs { folder, target }) => {
            weir_store::snapshot(&folder.store(), &target).context("copying the store")?;
            say!("copied to {}", target.display());
            Ok(())
        }
    }
}

fn repair(folder: &Path) -> Result<()> {
    let progress = Progress::spinning("repairing");
    let Repaired { mended, lost } = weir_store::repair(folder).map_err(say_owner).context("repairing the store")?;
    drop(progress);
    mended.iter().for_each(|line| say!("{line}"));
    lost.iter().for_each(|line| say!("lost: {line}"));
    if mended.is_empty() && lost.is_empty() {
        say!("nothing is damaged");
    }
    Ok(())
}

fn backup(folder: &Folder, target: &Address) -> Result<()> {
    let name = name_of(now());
    let progress = Progress::spinning("backing up");
    let done = weir_store::backup(&folder.existing_store()?, &folder.events(), folder.cold()?, &target.open()?, &name);
    drop(progress);
    let done = done.context("backing up the store")?;
    say!("backup {name}: {} objects of {} bytes sent, {} blocks were there", done.sent, done.bytes, done.there);
    Ok(())
}

fn forget(target: &Address, keep: usize) -> Result<()> {
    let Forgotten { backups, objects, bytes } =
        weir_store::forget(&target.open()?, keep).context("deleting old backups")?;
    say!("{backups} backups are forgotten: {objects} objects of {bytes} bytes deleted");
    Ok(())
}

fn restore(folder: &Folder, source: &Address, at: Option<&str>) -> Result<()> {
    weir_files::own_folder(&folder.data)?;
    let progress = Progress::spinning("bringing back");
    let done = weir_store::restore(&source.open()?, at, &folder.store(), &folder.events());
    drop(progress);
    let (name, done) = done.context("bringing the backup back")?;
    say!("backup {name}: {} files of {} bytes brought back and checked", done.sent, done.bytes);
    Ok(())
}

/// Name of a backup made at that time: date and time in UTC, so that names rise.
fn name_of(time: Timestamp) -> String {
    let (days, secs) = (time.millis().div_euclid(86_400_000), time.millis().div_euclid(1_000).rem_euclid(86_400));
    // Years from March on, in eras of 400 years: the leap day comes last. 719,468 days lie between year 0 and 1970.
    let (era, day) = ((days + 719_468).div_euclid(146_097), (days + 719_468).rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let (date, month) = (of_year - (153 * month + 2) / 5 + 1, (month + 2) % 12 + 1);
    let year = era * 400 + year + i64::from(month <= 2);
    format!("{year:04}{month:02}{date:02}T{:02}{:02}{:02}Z", secs / 3_600, secs / 60 % 60, secs % 60)
}

fn verify(folder: &Path, cold: Option<Arc<dyn Remote>>) -> Result<()> {
    let progress = Progress::spinning("reading every page");
    let Verified { files, pages, samples, cold_unread, damaged } =
        weir_store::verify(folder, cold).context("reading the store")?;
    drop(progress);
    say!("{files} files, {pages} pages, {samples} samples");
    if cold_unread > 0 {
        say!("{cold_unread} blocks are in the object store and were not read");
    }
    damaged.iter().for_each(|line| say!("damaged: {line}"));
    if damaged.is_empty() {
        return Ok(());
    }
    bail!(
        "{} places are damaged; they are left out of answers. Check the disk, restore from a copy, or stop the server and run weir store repair",
        damaged.len()
    )
}

fn print_stats(stats: &Stats) {
    say!("series in memory  {}", stats.series);
    say!("bytes in slabs    {}", stats.slab_bytes);
    say!("damaged pages     {}", stats.damaged_pages);
    say!("{:<6}{:>8}{:>14}{:>18}{:>18}{:>10}", "tier", "blocks", "series", "samples", "bytes", "B/sample");
    for tier in &stats.tiers {
        let each = if tier.samples > 0 { tier.bytes as f64 / tier.samples as f64 } else { 0.0 };
        let name = tier.tier.name();
        say!("{name:<6}{:>8}{:>14}{:>18}{:>18}{each:>10.3}", tier.blocks, tier.series, tier.samples, tier.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::folder::open;
    use super::*;
    use weir_store::{Store, StoreConfig};

    #[test]
    fn names_of_backups_are_dates() {
        for (secs, name) in [
            (0, "19700101T000000Z"),
            (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"),
            (951_868_800, "20000301T000000Z"),
            (1_795_461_173, "20261123T191253Z"),
            (4_107_542_400, "21000301T000000Z"),
        ] {
            assert_eq!(name_of(Timestamp::from_secs(secs)), name);
        }
    }

    #[test]
    fn a_store_in_use_names_its_owner_and_the_way_to_ask_it() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder { data: data.path().to_owned(), config: None };
        let (server, _) = Store::open(&folder.store(), StoreConfig::default()).unwrap();
        server.checkpoint(b"").unwrap();
        let stats = main(StoreCommand::Stats(folder)).unwrap_err();
        let open = open(&data.path().join("store"), StoreConfig::default()).unwrap_err();
        for error in [stats, open] {
            let text = format!("{error:#}");
            let owner = format!("is in use by process {}", std::process::id());
            assert!(text.contains(&owner) && text.contains("/api/v1/export"), "{text}");
        }
    }
}
