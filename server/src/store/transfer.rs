//! `weir store import` and `export`: samples as text, while the server is stopped.

use std::collections::HashMap;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use weir_query::{Column, Hint, Selection, selector};
use weir_sample::{Kind, Timestamp};
use weir_store::{Store, StoreConfig};

use super::Folder;
use super::text::{self, Line};

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
}

#[derive(clap::Args)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    folder: Folder,
    /// Prometheus text with a timestamp in milliseconds on every line
    file: PathBuf,
}

/// Samples between two checkpoints of an import.
const STRETCH: u64 = 5_000_000;

pub(super) fn export(args: &ExportArgs) -> Result<()> {
    let folder = args.folder.existing_store()?;
    let (store, _) = Store::open(&folder, StoreConfig::default()).context("opening the store")?;
    let matchers = selector(&args.selector).context("reading the selector")?;
    let (start, end) = (Timestamp::from_secs(args.start), Timestamp::from_secs(args.end));
    let selection = Selection { matchers: &matchers, start, end, step: None, hint: Hint::Raw };
    let (mut out, mut written, mut left_out) = (BufWriter::new(std::io::stdout().lock()), Ok(()), 0u64);
    let answered = store.select(&selection, &mut |data| {
        match &data.values {
            Column::Floats(values) => written = text::write(&mut out, &data.series, &data.timestamps, values),
            Column::Sketches(_) => left_out += 1,
        }
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    written.and_then(|()| out.flush()).context("writing")?;
    eprintln!("answered from {}; {left_out} distributions left out", answered.tier.name());
    Ok(())
}

pub(super) fn import(args: &ImportArgs) -> Result<()> {
    let file = std::fs::File::open(&args.file).with_context(|| format!("opening {}", args.file.display()))?;
    let stored = import_from(&args.folder.existing_store()?, std::io::BufReader::new(file))
        .with_context(|| format!("importing {}", args.file.display()))?;
    println!("{stored} samples stored");
    Ok(())
}

/// The sink's place in the queue stays as it is: what the queue still holds is stored after the import.
fn import_from(folder: &Path, input: impl std::io::BufRead) -> Result<u64> {
    let (store, state) = Store::open(folder, StoreConfig::default()).context("opening the store")?;
    let (mut kinds, mut stored) = (HashMap::<String, Kind>::new(), 0);
    text::read(input, |number, line| -> Result<()> {
        match line {
            Ok(Line::Sample(series, value, time)) => {
                let kind = kinds.get(series.name()).copied().unwrap_or(Kind::Gauge);
                store.append_sample(&series, kind, time, value)?;
                stored += 1;
                if stored % STRETCH == 0 {
                    store.checkpoint(&state)?;
                }
            }
            Ok(Line::Type(name, kind)) => drop(kinds.insert(name, kind)),
            Ok(Line::Nothing) => {}
            Err(problem) => bail!("line {number}: {problem}"),
        }
        Ok(())
    })?;
    store.checkpoint(&state)?;
    Ok(stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imported_samples_are_there_and_the_sinks_state_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(folder.path(), StoreConfig::default()).unwrap();
        store.checkpoint(b"here").unwrap();
        drop(store);
        let text = "# TYPE jobs_total counter\njobs_total{host=\"a\"} 5 2000\njobs_total{host=\"a\"} 3 1000\nx 1 1\n";
        assert_eq!(import_from(folder.path(), text.as_bytes()).unwrap(), 3);
        let error = import_from(folder.path(), &b"x 1 1\nx 1"[..]).unwrap_err();
        assert_eq!(error.to_string(), "line 2: the timestamp in milliseconds is missing");
        let (store, state) = Store::open(folder.path(), StoreConfig::default()).unwrap();
        assert_eq!(state, b"here");
        let matchers = selector("jobs_total").unwrap();
        let (start, end) = (Timestamp(0), Timestamp(10_000));
        let mut found = Vec::new();
        let selection = Selection { matchers: &matchers, start, end, step: None, hint: Hint::Raw };
        store
            .select(&selection, &mut |data| {
                found.push((data.kind, data.timestamps, data.values));
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(found, [(Kind::Counter, vec![1_000, 2_000], Column::Floats(vec![3.0, 5.0]))]);
    }
}
