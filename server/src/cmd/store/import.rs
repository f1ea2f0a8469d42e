//! `weir store import`: samples of text or of remote-write requests, while the server is stopped.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use weir_files::{say, tell};
use weir_formats::remote_write::{Entry, Request, Unpacked, read_histogram};
use weir_formats::text::{Distribution, Families, Fault, Form, Line, Malformed, Meaning, Reader, Sample};
use weir_sample::{Kind, Series, Timestamp};
use weir_store::{Place, Placed, Store, StoreConfig};

use super::distributions::Waiting;
use super::folder::{self, Folder};
use crate::api::write::series::SeriesReader;
use crate::clock::now;
use crate::cmd::progress::Progress;

#[derive(clap::Args)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    folder: Folder,
    /// Each file is the body of a Prometheus remote-write request, not text
    #[arg(long)]
    remote_write: bool,
    /// Prometheus text with a timestamp in milliseconds on every line, or OpenMetrics, whose timestamps are in seconds and
    /// whose last line is `# EOF`; files are read in this order, of a folder all by name, and `-` is standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// Samples between two checkpoints of an import.
const STRETCH: u64 = 5_000_000;

/// Malformed lines of one text that are told; the others are counted.
const MOST_TOLD: u64 = 20;

/// Series whose places are remembered.
const MOST_PLACES: usize = 1_000_000;

/// A store that takes an import. The sink's place in the queue stays as it is: what the queue still holds is stored
/// after the import.
struct Import {
    store: Store,
    state: Vec<u8>,
    families: Families<String>,
    places: HashMap<(Series, Kind), Place>,
    waiting: Waiting,
    /// Samples from before this instant are past the retention of raw samples, or of every tier.
    raw_since: Timestamp,
    kept_since: Timestamp,
    done: Done,
}

/// What became of the samples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Done {
    stored: u64,
    /// Stored too, but too old to be kept as they are: the server's next maintenance makes points of them.
    points_only: u64,
    /// Older than anything is kept; not stored.
    too_old: u64,
    /// Native histograms that contradict themselves and samples of series without a name; not stored.
    left_out: u64,
    /// Histograms of windows that the store has already.
    there: u64,
    /// Lines of text that cannot be read.
    malformed: u64,
}

pub(super) fn main(args: &ImportArgs) -> Result<()> {
    let (files, config) = (files_of(&args.files)?, args.folder.store_config()?);
    let bytes = bytes_of(&files)?;
    let mut import = Import::open(&args.folder.store_to_fill()?, &config, now())?;
    let (progress, mut refused) = (Progress::of_bytes("importing", bytes), Vec::new());
    for path in files {
        let outcome = import.file(&path, args.remote_write, &progress);
        match outcome.with_context(|| format!("importing {}", path.display())) {
            // The other files are as good as before.
            Err(error) if error.is::<Fault>() => refused.push(error),
            outcome => outcome?,
        }
    }
    drop(progress);
    let Done { stored, points_only, too_old, left_out, there, malformed } = import.finish()?;
    say!("{stored} samples stored");
    let say = |count: u64, what: &str| (count > 0).then(|| say!("{count} {what}"));
    say(points_only, "of them are older than samples are kept as they came: they become points of one minute or hour");
    say(too_old, "samples left out: older than anything is kept, see [store] in weir.toml");
    say(left_out, "native histograms and samples without a metric name left out");
    say(there, "histograms left out: the store has one of their window");
    say(malformed, "malformed lines left out");
    for error in &refused[..refused.len().saturating_sub(1)] {
        tell!("{error:#}");
    }
    refused.pop().map_or(Ok(()), Err)
}

/// Their bytes; fails before anything is made if one cannot be read.
fn bytes_of(files: &[PathBuf]) -> Result<u64> {
    let named = files.iter().filter(|path| path.as_os_str() != "-");
    let size = |path: &PathBuf| {
        let size = File::open(path).and_then(|file| Ok(file.metadata()?.len()));
        size.with_context(|| format!("importing {}", path.display()))
    };
    named.map(size).sum()
}

/// The files, and in place of each folder the files in it.
fn files_of(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
        let entries = entries.with_context(|| format!("reading {}", path.display()))?;
        let mut inside: Vec<PathBuf> = entries.iter().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
        inside.sort();
        files.extend(inside);
    }
    Ok(files)
}

/// What a file is by its end. A pipe has none to look at, and is text until something in it is OpenMetrics'.
fn form_of(file: &mut File) -> Result<Form> {
    let length = file.metadata()?.len();
    if !file.metadata()?.is_file() {
        return Ok(Form::Text);
    }
    let mut end = Vec::new();
    file.seek(SeekFrom::Start(length.saturating_sub(64)))?;
    file.read_to_end(&mut end)?;
    file.rewind()?;
    let last = end.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(if last == b"# EOF" { Form::OpenMetrics } else { Form::Text })
}

/// A histogram in a comment.
fn distribution(line: &[u8]) -> Result<Option<Distribution>, Malformed> {
    // What is no text was told as such.
    Distribution::read(std::str::from_utf8(line).unwrap_or_default())
}

impl Import {
    fn open(path: &Path, config: &StoreConfig, now: Timestamp) -> Result<Self> {
        let (store, state) = folder::open(path, config.clone())?;
        let kept: Duration = config.raw_retention.max(config.minute_retention).max(config.hour_retention);
        let (raw_since, kept_since) = (now.minus(config.raw_retention), now.minus(kept));
        let (families, places, waiting, done) = Default::default();
        Ok(Self { store, state, families, places, waiting, raw_since, kept_since, done })
    }

    fn file(&mut self, path: &Path, remote_write: bool, progress: &Progress) -> Result<()> {
        let mut form = Form::Text;
        let mut input: Box<dyn BufRead> = match path.as_os_str().as_encoded_bytes() {
            b"-" => Box::new(std::io::stdin().lock()),
            _ => {
                let mut file = File::open(path)?;
                form = form_of(&mut file)?;
                Box::new(BufReader::new(progress.reading(file)))
            }
        };
        if !remote_write {
            return self.text(input, form, &mut |fault| tell!("{}: {fault}", path.display()));
        }
        let mut body = Vec::new();
        input.read_to_end(&mut body)?;
        self.request(&body)
    }

    /// Stores a text's samples. A malformed line is told, unless many were, and costs itself; a text of nothing else is refused.
    fn text(&mut self, input: impl BufRead, form: Form, tell: &mut dyn FnMut(Fault)) -> Result<()> {
        let (mut reader, mut samples, mut first, mut malformed) = (Reader::new(form), 0_u64, None, 0);
        let mut leave_out = |fault: Fault| {
            first.get_or_insert(fault);
            malformed += 1;
            if malformed <= MOST_TOLD {
                tell(fault);
            }
        };
        for line in input.split(b'\n') {
            let line = line?;
            match reader.read_bytes(&line) {
                Ok(Line::Sample(Sample { time: None, .. })) => leave_out(reader.fault(Malformed::NoTime)),
                Ok(Line::Sample(sample)) => {
                    samples += 1;
                    self.sample(&sample)?;
                }
                Ok(Line::Type { family, kind }) => self.families.learn(family.into_owned(), kind),
                Ok(Line::Nothing) => match distribution(&line) {
                    Ok(Some(one)) => {
                        samples += 1;
                        self.distribution(one)?;
                    }
                    Ok(None) => {}
                    Err(what) => leave_out(reader.fault(what)),
                },
                Ok(Line::Help { .. } | Line::Unit { .. } | Line::End) => {}
                Err(fault) => leave_out(fault),
            }
        }
        if let Err(fault) = reader.end() {
            tell(fault);
        }
        self.settle()?;
        self.done.malformed += malformed;
        match first.filter(|_| samples == 0) {
            Some(fault) => Err(fault).context("no line is a sample with a timestamp"),
            None => Ok(()),
        }
    }

    fn sample(&mut self, sample: &Sample<'_>) -> Result<()> {
        let Some(time) = sample.time else { return Ok(()) };
        let kind = match self.families.meaning(&sample.name) {
            Meaning::Cumulative => Kind::Counter,
            Meaning::Momentary | Meaning::Created => Kind::Gauge,
        };
        self.samples(sample.series(), kind, &[(time.millis(), sample.value)])
    }

    fn distribution(&mut self, one: Distribution) -> Result<()> {
        if one.time < self.kept_since {
            self.done.too_old += 1;
            return Ok(());
        }
        self.done.points_only += u64::from(one.time < self.raw_since);
        if !self.waiting.has_room_for(&one) {
            self.settle()?;
        }
        self.waiting.push(one);
        Ok(())
    }

    fn settle(&mut self) -> Result<()> {
        let settled = self.waiting.settle(&self.store)?;
        self.done.there += settled.there;
        self.stored(settled.stored)
    }

    fn request(&mut self, body: &[u8]) -> Result<()> {
        let unpacked = Unpacked::read(body)?;
        let request = Request::read(&unpacked)?;
        let (mut entries, mut entry, mut reader) =
            (request.entries(), Entry::default(), SeriesReader::enforcing(std::iter::empty()));
        while entries.read(&mut entry)? {
            self.done.left_out += u64::from(entry.is_unreadable);
            match reader.read(&request, &entry)? {
                Ok(kind) => {
                    let series = reader.labels.build(&reader.own);
                    self.histograms(&series, &entry)?;
                    if !entry.samples.is_empty() {
                        self.samples(series, kind, &entry.samples)?;
                    }
                }
                Err(_) => self.done.left_out += (entry.samples.len() + entry.histograms.len()) as u64,
            }
        }
        Ok(())
    }

    fn histograms(&mut self, series: &Series, entry: &Entry<'_>) -> Result<()> {
        for message in &entry.histograms {
            match read_histogram(message)? {
                (_, None) => self.done.left_out += 1,
                (time, Some(_)) if time < self.kept_since.millis() => self.done.too_old += 1,
                (time, Some(histogram)) => {
                    self.done.points_only += u64::from(time < self.raw_since.millis());
                    self.store.append_received(series, Timestamp(time), &histogram)?;
                    self.stored(1)?;
                }
            }
        }
        Ok(())
    }

    /// Stores samples of one series. Nobody else has the store, so that a place once found stands.
    fn samples(&mut self, series: Series, kind: Kind, samples: &[(i64, f64)]) -> Result<()> {
        let series = (series, kind);
        let place = match self.places.get(&series) {
            Some(&place) => place,
            None => {
                let place = self.store.places(std::slice::from_ref(&series))[0];
                if self.places.len() >= MOST_PLACES {
                    self.places.clear();
                }
                self.places.insert(series, place);
                place
            }
        };
        let (kept_since, raw_since) = (self.kept_since.millis(), self.raw_since.millis());
        let mut placed = Vec::with_capacity(samples.len());
        for &(time, value) in samples {
            if time < kept_since {
                self.done.too_old += 1;
            } else {
                self.done.points_only += u64::from(time < raw_since);
                placed.push(Placed { place, series: 0, time, value });
            }
        }
        // The store takes them out.
        let count = placed.len() as u64;
        self.store.append_samples(&mut placed)?;
        self.stored(count)
    }

    fn stored(&mut self, samples: u64) -> Result<()> {
        let before = self.done.stored / STRETCH;
        self.done.stored += samples;
        if self.done.stored / STRETCH > before {
            self.store.checkpoint(&self.state)?;
        }
        Ok(())
    }

    fn finish(self) -> Result<Done> {
        self.store.checkpoint(&self.state)?;
        Ok(self.done)
    }
}

#[cfg(test)]
mod tests;
