//! A sender of remote write 1.0 of our own: it sends a request until it is acknowledged, as Prometheus does, and knows what
//! must then be stored.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::process::now_ms;
use crate::site::Site;

/// What was acknowledged.
#[derive(Default)]
pub(crate) struct Pushing {
    pub(crate) samples: AtomicU64,
    pub(crate) sum: AtomicU64,
    /// Requests that had to be sent again.
    pub(crate) repeats: AtomicU64,
    pub(crate) faults: Mutex<Vec<String>>,
}

const SERIES: u64 = 20;
const SAMPLES: u64 = 5;
const PAUSE: Duration = Duration::from_millis(250);
const PATIENCE: Duration = Duration::from_secs(90);

impl Pushing {
    /// Pushes until `over`; the last request too is sent until it is acknowledged.
    pub(crate) fn run(&self, site: &Site, over: &AtomicBool) {
        let (mut time, mut value, mut to) = (0, 0, 0);
        while !over.load(Relaxed) {
            time = now_ms().max(time + SAMPLES);
            let body = snappy(&request(time, value));
            let since = Instant::now();
            loop {
                match post(&format!("http://{}/api/v1/write", site.gateways[to].http), &body) {
                    Some(200..300) => break,
                    // As Prometheus has it: these are for the sender to repeat, all others are its own fault.
                    None | Some(429 | 500..600) => {}
                    Some(status) => return self.fault(format!("remote write is answered {status}")),
                }
                if since.elapsed() > PATIENCE {
                    return self.fault("a remote write is not taken".into());
                }
                self.repeats.fetch_add(1, Relaxed);
                to = (to + 1) % site.gateways.len();
                sleep(PAUSE);
            }
            self.samples.fetch_add(SERIES * SAMPLES, Relaxed);
            self.sum.fetch_add(SERIES * (0..SAMPLES).map(|sample| value + sample).sum::<u64>(), Relaxed);
            (time, value, to) = (time + SAMPLES, (value + SAMPLES) % 10_000, (to + 1) % site.gateways.len());
            sleep(PAUSE);
        }
    }

    fn fault(&self, what: String) {
        self.faults.lock().unwrap().push(what);
    }
}

fn post(url: &str, body: &[u8]) -> Option<u16> {
    let timeout = Some(Duration::from_secs(10));
    let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(timeout).build();
    let request = ureq::Agent::from(config).post(url).header("content-type", "application/x-protobuf");
    Some(request.header("content-encoding", "snappy").send(body).ok()?.status().as_u16())
}

/// `WriteRequest`: every series with samples one millisecond apart and values that grow by one.
fn request(time: u64, value: u64) -> Vec<u8> {
    let mut request = Vec::new();
    for series in 0..SERIES {
        let mut one = Vec::new();
        for (name, text) in [("__name__", "soak_pushed"), ("number", &series.to_string())] {
            let mut label = Vec::new();
            field(&mut label, 1, name.as_bytes());
            field(&mut label, 2, text.as_bytes());
            field(&mut one, 1, &label);
        }
        for sample in 0..SAMPLES {
            let mut point = vec![1 << 3 | 1];
            point.extend(((value + sample) as f64).to_le_bytes());
            point.push(2 << 3);
            varint(&mut point, time + sample);
            field(&mut one, 2, &point);
        }
        field(&mut request, 1, &one);
    }
    request
}

/// A field of protobuf that has a length.
fn field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend(bytes);
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Snappy without any compression: its length, then literals of at most 64 KiB.
fn snappy(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint(&mut out, bytes.len() as u64);
    for piece in bytes.chunks(1 << 16) {
        out.push(61 << 2);
        out.extend(((piece.len() - 1) as u16).to_le_bytes());
        out.extend(piece);
    }
    out
}
