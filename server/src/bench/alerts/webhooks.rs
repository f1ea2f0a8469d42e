//! Whom alerts are told: a webhook that notes when each alert came first, and how often each request came.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context, Result};
use serde::Deserialize;
use weir_sample::Timestamp;

use crate::api::query::timestamp;
use crate::clock::now;

/// A webhook on loopback, for as long as the process lives.
pub(super) struct Webhooks {
    pub url: String,
    book: Arc<Mutex<Book>>,
}

/// What came.
#[derive(Default)]
pub(super) struct Book {
    pub requests: u64,
    pub bytes: u64,
    /// When each alert was first told as firing, by fingerprint, in milliseconds.
    pub alerts: HashMap<String, Arrival>,
    /// How often each key came, and with what body.
    keys: HashMap<String, (u64, u64)>,
    /// Requests with the key of another body.
    pub contradictions: u64,
}

pub(super) struct Arrival {
    pub at_ms: i64,
    /// Its `startsAt`.
    starts_at: Option<Timestamp>,
    pub name: String,
    /// The label that tells breaches apart.
    pub number: Option<usize>,
}

#[derive(Deserialize)]
struct Body {
    alerts: Vec<Alert>,
}

#[derive(Deserialize)]
struct Alert {
    status: String,
    #[serde(rename = "startsAt")]
    starts_at: String,
    fingerprint: String,
    labels: HashMap<String, String>,
}

impl Webhooks {
    pub(super) fn listen() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("listening for webhooks")?;
        let (url, book) = (format!("http://{}/", listener.local_addr()?), Arc::<Mutex<Book>>::default());
        let shared = book.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let book = shared.clone();
                // A connection that breaks off is opened anew by whoever tells.
                thread::spawn(move || drop(serve(stream, &book)));
            }
        });
        Ok(Self { url, book })
    }

    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// Requests that came more than once.
    pub(super) fn repeats(&self) -> u64 {
        self.keys.values().map(|(_, times)| times - 1).sum()
    }

    /// When the first alert came, and the last.
    pub(super) fn span_ms(&self) -> Option<(i64, i64)> {
        let times = || self.alerts.values().map(|alert| alert.at_ms);
        times().min().zip(times().max())
    }

    /// The first alert's `startsAt`, in milliseconds.
    pub(super) fn starts_ms(&self) -> Option<i64> {
        self.alerts.values().filter_map(|alert| Some(alert.starts_at?.millis())).min()
    }

    fn note(&mut self, key: String, bytes: &[u8], at_ms: i64) -> serde_json::Result<()> {
        let body: Body = serde_json::from_slice(bytes)?;
        self.requests += 1;
        self.bytes += bytes.len() as u64;
        if !key.is_empty() {
            let mut hasher = DefaultHasher::new();
            bytes.hash(&mut hasher);
            let (hash, times) = self.keys.entry(key).or_insert((hasher.finish(), 0));
            self.contradictions += u64::from(*hash != hasher.finish());
            *times += 1;
        }
        for alert in body.alerts.into_iter().filter(|alert| alert.status == "firing") {
            let Alert { fingerprint, labels, starts_at, .. } = alert;
            let starts_at = timestamp(&starts_at);
            let name = labels.get("alertname").cloned().unwrap_or_default();
            let number = labels.get("n").and_then(|number| number.parse().ok());
            self.alerts.entry(fingerprint).or_insert(Arrival { at_ms, starts_at, name, number });
        }
        Ok(())
    }
}

/// Answers the requests of one connection.
fn serve(mut stream: TcpStream, book: &Mutex<Book>) -> Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let (mut length, mut key, mut line) = (0, String::new(), String::new());
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                if line.trim_end().is_empty() {
                    break;
                }
                continue;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse()?,
                "idempotency-key" => key = value.to_owned(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let at_ms = now().millis();
        let noted = book.lock().unwrap_or_else(PoisonError::into_inner).note(key, &body, at_ms);
        let status = if noted.is_ok() { "200 OK" } else { "400 Bad Request" };
        stream.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes())?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = "2027-01-15T08:00:00.5Z";

    #[test]
    fn an_alert_counts_once_and_a_key_belongs_to_one_body() {
        let mut book = Book::default();
        let body = |status: &str| {
            let labels = "{\"alertname\":\"A\",\"n\":\"7\"}";
            format!(
                "{{\"alerts\":[{{\"status\":\"{status}\",\"fingerprint\":\"f\",\"startsAt\":\"{START}\",\"labels\":{labels}}}]}}"
            )
        };
        let mut note = |key: &str, status: &str, at| book.note(key.into(), body(status).as_bytes(), at).is_ok();
        assert!(note("a", "resolved", 1) && note("b", "firing", 2) && note("b", "firing", 3));
        assert!(note("b", "resolved", 4));
        assert!(book.note("c".into(), b"none", 5).is_err());
        assert_eq!((book.requests, book.repeats(), book.contradictions), (4, 2, 1));
        assert_eq!((book.span_ms(), book.alerts["f"].number), (Some((2, 2)), Some(7)));
        assert_eq!(book.starts_ms(), Some(1_800_000_000_500));
    }
}
