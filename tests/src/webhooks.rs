//! A receiver of webhooks, which takes them or, as often as it is told, answers that it cannot.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::Chance;

/// Takes webhooks for as long as the test lives.
pub struct Webhooks {
    /// Where it listens.
    pub address: SocketAddr,
    came: Receiver<Webhook>,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Null where it was no JSON; a heartbeat has no body.
    pub body: Value,
    /// `Idempotency-Key`
    pub key: String,
    /// The second in which it came.
    pub at: f64,
    /// Whether it was answered with 200; else with 503.
    pub taken: bool,
}

impl Webhook {
    /// Whether it tells of an alert in a state.
    pub fn is_about(&self, alert: &str, status: &str) -> bool {
        self.body["commonLabels"]["alertname"] == alert && self.body["status"] == status
    }
}

impl Webhooks {
    /// Takes everything.
    pub fn listen() -> Self {
        Self::failing(0.0, 0)
    }

    /// Fails a share of all requests, by a seed.
    pub fn failing(share: f64, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, (bring, came)) = (listener.local_addr().unwrap(), channel());
        let chance = Arc::new(Mutex::new(Chance::new(seed)));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (bring, chance) = (bring.clone(), chance.clone());
                let fails = move || chance.lock().unwrap().happens(share);
                std::thread::spawn(move || serve(stream, &bring, fails));
            }
        });
        Self { address, came }
    }

    /// The next request; `None` if none comes in time.
    pub fn next(&self, patience: Duration) -> Option<Webhook> {
        self.came.recv_timeout(patience).ok()
    }
}

/// Answers the requests of one connection until it ends, in the middle of a request too.
fn serve(stream: TcpStream, bring: &Sender<Webhook>, fails: impl Fn() -> bool) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let (mut length, mut key, mut line) = (0, String::new(), String::new());
        loop {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                if line.trim_end().is_empty() {
                    break;
                }
                continue;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().unwrap(),
                "idempotency-key" => key = value.to_owned(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let taken = !fails();
        bring
            .send(Webhook { body: serde_json::from_slice(&body).unwrap_or_default(), key, at: seconds_now(), taken })
            .ok();
        let status = if taken { "200 OK" } else { "503 Service Unavailable" };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// The wall clock in seconds.
pub fn seconds_now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}
