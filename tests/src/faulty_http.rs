//! An HTTP server before another, which answers for it as often as it is told: 429, 500, nothing at all, or nothing after it was taken.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::Chance;

/// What a request met, and what may be told of it.
#[derive(Clone, Debug)]
pub struct Met {
    /// First line and headers.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Decides over a request: the answer to give in place of the server's, if any.
pub type Judge = dyn Fn(&Met) -> Option<String> + Send + Sync;

/// Such a server.
pub struct FaultyHttp {
    /// Where it listens.
    pub address: SocketAddr,
    share: Arc<Mutex<f64>>,
    met: Arc<Mutex<Vec<Met>>>,
}

struct Course {
    target: Option<SocketAddr>,
    chance: Mutex<Chance>,
    share: Arc<Mutex<f64>>,
    judge: Box<Judge>,
    met: Arc<Mutex<Vec<Met>>>,
}

impl FaultyHttp {
    /// Stands before `target` and fails a share of all requests.
    pub fn before(target: SocketAddr, share: f64, seed: u64) -> Self {
        Self::start(Some(target), share, seed, Box::new(|_| None))
    }

    /// Answers by itself: what `judge` says, and else 204.
    pub fn alone(judge: Box<Judge>) -> Self {
        Self::start(None, 0.0, 0, judge)
    }

    fn start(target: Option<SocketAddr>, share: f64, seed: u64, judge: Box<Judge>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (share, met) = (Arc::new(Mutex::new(share)), Arc::new(Mutex::new(Vec::new())));
        let chance = Mutex::new(Chance::new(seed));
        let course = Arc::new(Course { target, chance, share: share.clone(), judge, met: met.clone() });
        // Ends with the test's process: it holds nothing but a port.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let course = course.clone();
                std::thread::spawn(move || course.serve(stream));
            }
        });
        Self { address, share, met }
    }

    /// From now on fails another share.
    pub fn fail(&self, share: f64) {
        *self.share.lock().unwrap() = share;
    }

    /// The requests that came so far; only those without a target are kept.
    pub fn met(&self) -> Vec<Met> {
        self.met.lock().unwrap().clone()
    }
}

impl Course {
    fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        loop {
            let met = read(&mut reader)?;
            let own = (self.judge)(&met);
            match self.target {
                None => {
                    self.met.lock().unwrap().push(met);
                    let answer = own.unwrap_or_else(|| "HTTP/1.1 204 No Content\r\n\r\n".into());
                    stream.write_all(answer.as_bytes()).ok()?;
                }
                Some(target) => self.pass(&met, target, &mut stream)?,
            }
        }
    }

    fn pass(&self, met: &Met, target: SocketAddr, stream: &mut TcpStream) -> Option<()> {
        let (fails, which) = {
            let mut chance = self.chance.lock().unwrap();
            (chance.share() < *self.share.lock().unwrap(), (chance.share() * 5.0) as usize)
        };
        let refusal = |status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: 4\r\n\r\nwait");
        match (fails, which) {
            (true, 0) => return stream.write_all(refusal("429 Too Many Requests\r\nretry-after: 0").as_bytes()).ok(),
            (true, 1) => return stream.write_all(refusal("500 Internal Server Error").as_bytes()).ok(),
            (true, 2) => return None,
            _ => {}
        }
        let mut onward = TcpStream::connect(target).ok()?;
        onward.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        onward.write_all(met.head.as_bytes()).ok()?;
        onward.write_all(&met.body).ok()?;
        let answer = read(&mut BufReader::new(&onward))?;
        if fails {
            // It was taken, and nobody hears of it; or half of it.
            if which == 3 {
                let _ = stream.write_all(&answer.head.as_bytes()[..answer.head.len() / 2]);
            }
            let _ = stream.shutdown(Shutdown::Both);
            return None;
        }
        stream.write_all(answer.head.as_bytes()).ok()?;
        stream.write_all(&answer.body).ok()
    }
}

/// A request, or an answer.
fn read(reader: &mut impl BufRead) -> Option<Met> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let from = head.len();
        reader.read_line(&mut head).ok().filter(|read| *read > 0)?;
        let line = head[from..].trim().to_ascii_lowercase();
        if let Some(text) = line.strip_prefix("content-length:") {
            length = text.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Met { head, body })
}
