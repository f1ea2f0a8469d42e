//! One request until it is taken: waits and retries, and halves to find what will never be.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::config::{BackendConfig, Histograms};
use crate::formats::Spoken;
use crate::http::{Client, Outcome};
use crate::request::Request;
use crate::status::Status;

/// Sends requests of one backend, from several threads.
pub(crate) struct Sending {
    pub client: Client,
    pub status: Status,
    pub stopping: AtomicBool,
    /// The store that is read is to be let go.
    pub closed: AtomicBool,
    config: BackendConfig,
    spoken: Mutex<Spoken>,
    refused: Mutex<PathBuf>,
}

/// Pauses between tries: doubled from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(30);
/// What has been set aside is kept up to this size, once more under another name.
const REFUSED_BYTES: u64 = 16 << 20;

impl Sending {
    pub(crate) fn new(config: &BackendConfig, folder: &Path) -> Result<Self, String> {
        let client = Client::new(config)?;
        let (spoken, refused) = (Mutex::new(config.format.into()), Mutex::new(folder.join("refused.jsonl")));
        Ok(Self {
            client,
            status: Status::default(),
            stopping: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            config: config.clone(),
            spoken,
            refused,
        })
    }

    /// Whether the backend is to have histograms.
    pub(crate) fn sends_histograms(&self) -> bool {
        let has_fallen_back = *lock(&self.spoken) == Spoken::RemoteWrite1;
        self.config.sends_histograms() && !(self.config.histograms == Histograms::Auto && has_fallen_back)
    }

    /// Sends until all of it was taken or set aside; false if it is to stop before that.
    pub(crate) fn deliver(&self, request: Request) -> bool {
        let mut open = vec![request];
        let mut pause = FIRST_PAUSE;
        while let Some(request) = open.pop() {
            if self.breaks_off() {
                return false;
            }
            let spoken = *lock(&self.spoken);
            let request = if self.sends_histograms() { request } else { request.without_histograms() };
            if request.items.is_empty() {
                continue;
            }
            self.status.requests.fetch_add(1, Relaxed);
            let body = spoken.body(&request.items);
            match self.client.send(&request, &body, spoken) {
                Outcome::Taken => {
                    self.status.works();
                    self.status.sent_bytes.fetch_add(body.bytes.len() as u64, Relaxed);
                    self.status.sent_samples.fetch_add(request.samples() as u64, Relaxed);
                    pause = FIRST_PAUSE;
                }
                Outcome::Partly(count, reason) => {
                    self.status.works();
                    self.status.sent_bytes.fetch_add(body.bytes.len() as u64, Relaxed);
                    self.status.sent_samples.fetch_add((request.samples() as u64).saturating_sub(count), Relaxed);
                    if self.status.refused_samples.fetch_add(count, Relaxed) == 0 {
                        tracing::warn!(
                            reason,
                            count,
                            "a backend takes some samples of a request and does not say which it refuses"
                        );
                    }
                }
                Outcome::NotSpoken => {
                    let mut now = lock(&self.spoken);
                    if *now == Spoken::RemoteWrite2 {
                        tracing::info!("a backend does not speak remote write 2.0: it gets 1.0");
                        *now = Spoken::RemoteWrite1;
                    }
                    open.push(request);
                }
                Outcome::Bad(reason) => match request.halves() {
                    Ok((first, second)) => open.extend([second, first]),
                    Err(single) => self.set_aside(&single, &reason),
                },
                Outcome::Later { reason, after } => {
                    self.status.fails(&reason);
                    self.status.retries.fetch_add(1, Relaxed);
                    open.push(request);
                    if !self.wait(after.unwrap_or(pause).min(LAST_PAUSE)) {
                        return false;
                    }
                    pause = (pause * 2).min(LAST_PAUSE);
                }
            }
        }
        true
    }

    fn breaks_off(&self) -> bool {
        self.stopping.load(Relaxed) || self.closed.load(Relaxed)
    }

    /// False if it is to stop.
    fn wait(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        while Instant::now() < until {
            if self.breaks_off() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(50).min(until.saturating_duration_since(Instant::now())));
        }
        true
    }

    /// Writes down what a backend will never take, and why.
    fn set_aside(&self, request: &Request, reason: &str) {
        self.status.works();
        if self.status.refused_samples.fetch_add(request.samples() as u64, Relaxed) == 0 {
            tracing::warn!(reason, "a backend refuses a sample for good: it is set aside, further ones too");
        }
        let path = lock(&self.refused);
        for item in &request.items {
            let floats = item.floats().map(|(time, value)| (time, value.to_string()));
            let histograms = item.histograms().map(|(time, histogram)| (time, format!("{:?}", histogram.parts())));
            for (time, value) in floats.chain(histograms) {
                let line = json!({
                    "series": item.series.to_string(), "tenant": request.tenant, "time_ms": time,
                    "value": value, "reason": reason,
                });
                // It is counted all the same.
                if let Err(error) = append(&path, &line.to_string()) {
                    tracing::debug!(%error, "what a backend refused cannot be written down");
                }
            }
        }
    }
}

fn append(path: &Path, line: &str) -> std::io::Result<()> {
    if std::fs::metadata(path).is_ok_and(|file| file.len() > REFUSED_BYTES) {
        std::fs::rename(path, path.with_extension("jsonl.1"))?;
    }
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    writeln!(file, "{line}")
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
