//! `weir store export`: samples as text or as a Parquet file, while the server is stopped.

use std::io::{BufWriter, IsTerminal, Write};
use std::ops::ControlFlow;

use anyhow::{Context, Result};
use weir_files::tell;
use weir_formats::text::Writer;
use weir_query::{Column, Hint, Selection, selector};
use weir_sample::Timestamp;
use weir_store::{SeriesData, Store};

use super::folder::{self, Folder};
use crate::cmd::progress::Progress;

#[derive(clap::Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    folder: Folder,
    /// Which series, such as 'up{host="a"}'
    selector: String,
    /// First instant, in seconds since 1970
    #[arg(long, default_value_t = 0)]
    start: i64,
    /// Last instant, in seconds since 1970
    #[arg(long, default_value_t = 253_402_300_799)]
    end: i64,
    /// Write a Parquet file, with a row per sample and a column per label, in place of text
    #[cfg(feature = "parquet")]
    #[arg(long, value_name = "FILE")]
    parquet: Option<std::path::PathBuf>,
}

pub(super) fn main(args: &ExportArgs) -> Result<()> {
    let folder = args.folder.existing_store()?;
    let (store, _) = folder::open(&folder, args.folder.store_config()?)?;
    let matchers = selector(&args.selector).context("reading the selector")?;
    let (start, end) = (Timestamp::from_secs(args.start), Timestamp::from_secs(args.end));
    let selection = Selection { matchers: &matchers, start, end, hint: Hint::Raw, any_order: false };
    // Its lines would stand between those of the samples, were both on the terminal.
    let is_seen = std::io::stdout().is_terminal();
    #[cfg(feature = "parquet")]
    let is_seen = is_seen && args.parquet.is_none();
    let progress = (!is_seen).then(|| Progress::spinning("exporting"));
    #[cfg(feature = "parquet")]
    if let Some(path) = &args.parquet {
        return to_parquet(&store, &selection, path).with_context(|| format!("writing {}", path.display()));
    }
    let mut out = Writer::new(BufWriter::new(weir_files::output()));
    each(&store, &selection, |data| {
        match &data.values {
            Column::Floats(values) => out.series(&data.series, data.kind, &data.timestamps, values)?,
            Column::Histograms(histograms) => out.histograms(&data.series, &data.timestamps, histograms)?,
        }
        Ok(())
    })?;
    drop(progress);
    out.out().flush().context("writing")
}

#[cfg(feature = "parquet")]
fn to_parquet(store: &Store, selection: &Selection<'_>, path: &std::path::Path) -> Result<()> {
    let labels = store.label_names(selection.matchers, selection.start, selection.end)?;
    let labels = labels.into_iter().filter(|label| label != weir_store::NAME).collect();
    let file = BufWriter::new(weir_files::create(path)?);
    let mut table = super::parquet::Table::create(file, labels)?;
    let mut left_out = 0_u64;
    each(store, selection, |data| match &data.values {
        Column::Floats(values) => table.push(&data.series, &data.timestamps, values),
        Column::Histograms(_) => {
            left_out += 1;
            Ok(())
        }
    })?;
    if left_out > 0 {
        tell!("{left_out} distributions left out: a table has numbers alone, and a text has both");
    }
    let file = table.finish()?.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    Ok(file.sync_all()?)
}

/// Hands over every series, and says on standard error what the answer lacks.
fn each(store: &Store, selection: &Selection<'_>, mut write: impl FnMut(&SeriesData) -> Result<()>) -> Result<()> {
    let mut written = Ok(());
    let answered = store.select(selection, &mut |data| {
        written = write(&data);
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    written.context("writing")?;
    tell!("answered from {}", answered.tier.name());
    for hole in &answered.holes {
        let (tier, start, end) = (hole.tier.name(), hole.start as f64 / 1e3, hole.end as f64 / 1e3);
        tell!("tier {tier} is damaged from {start:.3} to {end:.3}: coarser points stand there where they are kept");
    }
    if answered.partial {
        anyhow::bail!(
            "the object store with the older samples did not answer: they are missing (--config says where it is)"
        );
    }
    Ok(())
}

#[cfg(all(test, feature = "parquet"))]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use weir_sample::{Kind, Series};
    use weir_store::StoreConfig;

    #[test]
    fn a_range_of_a_store_becomes_a_table() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(folder.path(), StoreConfig::default()).unwrap();
        for (host, at) in [("a", 1_000), ("a", 2_000), ("b", 2_000), ("b", 9_000)] {
            let series = Series::new("x", [("host", host)]);
            store.append_sample(&series, Kind::Gauge, Timestamp(at), at as f64).unwrap();
        }
        let matchers = selector("x").unwrap();
        let (start, end) = (Timestamp(1_500), Timestamp(5_000));
        let selection = Selection { matchers: &matchers, start, end, hint: Hint::Raw, any_order: false };
        let path = folder.path().join("x.parquet");
        to_parquet(&store, &selection, &path).unwrap();
        let reader = SerializedFileReader::new(std::fs::File::open(&path).unwrap()).unwrap();
        let mut rows: Vec<String> = reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
        rows.sort();
        let row = |host| {
            format!("{{metric: \"x\", timestamp: 1970-01-01 00:00:02.000 +00:00, value: 2000.0, host: \"{host}\"}}")
        };
        assert_eq!(rows, [row("a"), row("b")]);
    }
}
