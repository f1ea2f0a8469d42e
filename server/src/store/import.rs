//! `weir store import`: samples of text or of remote-write requests, while the server is stopped.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use weir_sample::{Kind, Series, Timestamp};
use weir_store::{Store, StoreConfig};

use super::Folder;
use super::text::{self, Line};
use crate::remote_write::WriteRequest;

#[derive(clap::Args)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    folder: Folder,
    /// Each file is the body of a Prometheus remote-write request, not text
    #[arg(long)]
    remote_write: bool,
    /// Prometheus text with a timestamp in milliseconds on every line; files are read in this order
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// Samples between two checkpoints of an import.
const STRETCH: u64 = 5_000_000;

/// A store that takes an import. The sink's place in the queue stays as it is: what the queue still holds is stored
/// after the import.
struct Import {
    store: Store,
    state: Vec<u8>,
    kinds: HashMap<String, Kind>,
    stored: u64,
    /// Native histograms and series without a name.
    left_out: u64,
}

pub(super) fn main(args: &ImportArgs) -> Result<()> {
    let mut import = Import::open(&args.folder.existing_store()?)?;
    for path in &args.files {
        let outcome = if args.remote_write { import.request(path) } else { import.text_file(path) };
        outcome.with_context(|| format!("importing {}", path.display()))?;
    }
    let left_out = import.left_out;
    println!("{} samples stored", import.finish()?);
    if left_out > 0 {
        println!("{left_out} native histograms and samples without a metric name left out");
    }
    Ok(())
}

impl Import {
    fn open(folder: &Path) -> Result<Self> {
        let (store, state) = Store::open(folder, StoreConfig::default()).context("opening the store")?;
        Ok(Self { store, state, kinds: HashMap::new(), stored: 0, left_out: 0 })
    }

    fn text_file(&mut self, path: &Path) -> Result<()> {
        self.text(BufReader::new(File::open(path)?))
    }

    fn text(&mut self, input: impl BufRead) -> Result<()> {
        text::read(input, |number, line| match line {
            Ok(Line::Sample(series, value, time)) => {
                let kind = self.kinds.get(series.name()).copied().unwrap_or(Kind::Gauge);
                self.sample(&series, kind, time, value)
            }
            Ok(Line::Type(name, kind)) => {
                self.kinds.insert(name, kind);
                Ok(())
            }
            Ok(Line::Nothing) => Ok(()),
            Err(problem) => bail!("line {number}: {problem}"),
        })
    }

    fn request(&mut self, path: &Path) -> Result<()> {
        let request = WriteRequest::read(&std::fs::read(path)?)?;
        for one in &request.timeseries {
            self.left_out += one.histograms.len() as u64;
            let Some(series) = one.series() else {
                self.left_out += one.samples.len() as u64;
                continue;
            };
            let kind = request.kind_of(series.name());
            for sample in &one.samples {
                self.sample(&series, kind, Timestamp(sample.timestamp), sample.value)?;
            }
        }
        Ok(())
    }

    fn sample(&mut self, series: &Series, kind: Kind, time: Timestamp, value: f64) -> Result<()> {
        self.store.append_sample(series, kind, time, value)?;
        self.stored += 1;
        if self.stored.is_multiple_of(STRETCH) {
            self.store.checkpoint(&self.state)?;
        }
        Ok(())
    }

    fn finish(self) -> Result<u64> {
        self.store.checkpoint(&self.state)?;
        Ok(self.stored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote_write::{Label, Sample, TimeSeries};
    use std::ops::ControlFlow;
    use weir_query::{Column, Hint, Selection, selector};

    type Found = (Kind, Vec<i64>, Vec<u64>);

    fn read(store: &Store, name: &str) -> Vec<Found> {
        let matchers = selector(name).unwrap();
        let (start, end) = (Timestamp(0), Timestamp(10_000));
        let selection = Selection { matchers: &matchers, start, end, step: None, hint: Hint::Raw };
        let mut found = Vec::new();
        store
            .select(&selection, &mut |data| {
                let Column::Floats(values) = data.values else { panic!("not floats") };
                found.push((data.kind, data.timestamps, values.into_iter().map(f64::to_bits).collect()));
                ControlFlow::Continue(())
            })
            .unwrap();
        found
    }

    fn bits<const N: usize>(values: [f64; N]) -> Vec<u64> {
        values.map(f64::to_bits).to_vec()
    }

    #[test]
    fn imported_samples_are_there_and_the_sinks_state_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(folder.path(), StoreConfig::default()).unwrap();
        store.checkpoint(b"here").unwrap();
        drop(store);
        let text = "# TYPE jobs_total counter\njobs_total{host=\"a\"} 5 2000\njobs_total{host=\"a\"} 3 1000\nx 1 1\n";
        let mut import = Import::open(folder.path()).unwrap();
        import.text(text.as_bytes()).unwrap();
        let error = import.text(&b"x 1 1\nx 1"[..]).unwrap_err();
        assert_eq!(error.to_string(), "line 2: the timestamp in milliseconds is missing");
        assert_eq!(import.finish().unwrap(), 4);
        let (store, state) = Store::open(folder.path(), StoreConfig::default()).unwrap();
        assert_eq!(state, b"here");
        assert_eq!(read(&store, "jobs_total"), [(Kind::Counter, vec![1_000, 2_000], bits([3.0, 5.0]))]);
    }

    #[test]
    fn a_remote_write_request_is_stored_to_the_bit() {
        let folder = tempfile::tempdir().unwrap();
        let label = |name: &str, value: &str| Label { name: name.into(), value: value.into() };
        let sample = |timestamp, value| Sample { value, timestamp };
        let stale = f64::from_bits(0x7ff0_0000_0000_0002);
        let of = |name: &str, samples: Vec<Sample>, histograms| TimeSeries {
            labels: vec![label("__name__", name), label("host", "a")],
            samples,
            histograms,
        };
        let nameless = TimeSeries { labels: vec![label("a", "b")], samples: vec![sample(1, 1.0)], histograms: vec![] };
        let timeseries = vec![
            of("jobs_total", vec![sample(2_000, 5.0), sample(1_000, 3.0), sample(3_000, stale)], vec![]),
            of("odd", vec![], vec![vec![1]]),
            nameless,
        ];
        let path = folder.path().join("request");
        std::fs::write(&path, WriteRequest { timeseries, metadata: vec![] }.write()).unwrap();
        let store = folder.path().join("store");
        let mut import = Import::open(&store).unwrap();
        import.request(&path).unwrap();
        assert_eq!((import.left_out, import.finish().unwrap()), (2, 3));
        let (store, _) = Store::open(&store, StoreConfig::default()).unwrap();
        let samples = (Kind::Counter, vec![1_000, 2_000, 3_000], bits([3.0, 5.0, stale]));
        assert_eq!(read(&store, "jobs_total"), [samples]);
    }
}
