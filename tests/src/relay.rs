//! A UDP relay that loses, doubles, delays and damages datagrams, since the kernel here has no netem.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::{Chance, free_port};

/// What happens to a datagram, each as a share from 0 to 1, in both directions.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// Never arrives.
    pub loss: f64,
    /// Arrives twice.
    pub duplicate: f64,
    /// Arrives with one bit flipped.
    pub corrupt: f64,
    /// Arrives after a random delay up to this; unequal delays reorder.
    pub delay: Duration,
}

/// A relay between agents and one gateway address.
pub struct Relay {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    lost: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Starts relaying between whoever sends here and `target`. `seed` fixes the course of chance.
    pub fn start(target: SocketAddr, faults: Faults, seed: u64) -> Self {
        Self::start_on(UdpSocket::bind("127.0.0.1:0").unwrap(), target, faults, seed)
    }

    /// The same, and streams to the same port pass unharmed.
    pub fn start_with_streams(target: SocketAddr, faults: Faults, seed: u64) -> Self {
        let address = free_port();
        let listener = TcpListener::bind(address).unwrap();
        // Ends with the test's process: it holds nothing but a port.
        std::thread::spawn(move || listener.incoming().flatten().for_each(|inward| pass(inward, target)));
        Self::start_on(UdpSocket::bind(address).unwrap(), target, faults, seed)
    }

    fn start_on(inward: UdpSocket, target: SocketAddr, faults: Faults, seed: u64) -> Self {
        let address = inward.local_addr().unwrap();
        let (stop, lost) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut course = Course {
            inward,
            target,
            faults,
            chance: Chance::new(seed),
            paths: HashMap::new(),
            waiting: BinaryHeap::new(),
        };
        let (stopping, losses) = (stop.clone(), lost.clone());
        let thread = std::thread::spawn(move || {
            course.inward.set_nonblocking(true).unwrap();
            while !stopping.load(Ordering::Relaxed) {
                if !course.turn(&losses) {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        });
        Self { address, stop, lost, thread: Some(thread) }
    }

    /// Where to send.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Datagrams that never arrived.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A datagram on its way: due time, order of arrival, the sender's address, whether it goes to the target.
type Waiting = Reverse<(Instant, u64, SocketAddr, bool, Vec<u8>)>;

struct Course {
    inward: UdpSocket,
    target: SocketAddr,
    faults: Faults,
    chance: Chance,
    /// Sender → the socket that speaks to the target for it.
    paths: HashMap<SocketAddr, UdpSocket>,
    waiting: BinaryHeap<Waiting>,
}

impl Course {
    /// Receives and delivers once; false when there was nothing to do.
    fn turn(&mut self, lost: &AtomicU64) -> bool {
        let mut buffer = [0; 2_048];
        let mut arrived = Vec::new();
        while let Ok((size, from)) = self.inward.recv_from(&mut buffer) {
            self.paths.entry(from).or_insert_with(|| path_to(self.target));
            arrived.push((from, true, buffer[..size].to_vec()));
        }
        for (from, path) in &self.paths {
            while let Ok(size) = path.recv(&mut buffer) {
                arrived.push((*from, false, buffer[..size].to_vec()));
            }
        }
        let busy = !arrived.is_empty();
        for (from, forward, bytes) in arrived {
            self.judge(from, forward, bytes, lost);
        }
        self.deliver();
        busy
    }

    fn judge(&mut self, from: SocketAddr, forward: bool, mut bytes: Vec<u8>, lost: &AtomicU64) {
        if self.chance.happens(self.faults.loss) {
            lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let copies = if self.chance.happens(self.faults.duplicate) { 2 } else { 1 };
        if self.chance.happens(self.faults.corrupt) && !bytes.is_empty() {
            let at = self.chance.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << self.chance.below(8);
        }
        for _ in 0..copies {
            let delay = self.faults.delay.mul_f64(self.chance.share());
            let order = self.chance.below(u64::MAX);
            self.waiting.push(Reverse((Instant::now() + delay, order, from, forward, bytes.clone())));
        }
    }

    fn deliver(&mut self) {
        while self.waiting.peek().is_some_and(|Reverse((due, ..))| *due <= Instant::now()) {
            let Some(Reverse((_, _, from, forward, bytes))) = self.waiting.pop() else { return };
            // An unreachable peer is one more way to lose a datagram.
            let _ = match forward {
                true => self.paths[&from].send(&bytes),
                false => self.inward.send_to(&bytes, from),
            };
        }
    }
}

/// Passes on what either end of a stream sends, until it has no more.
fn pass(inward: TcpStream, target: SocketAddr) {
    let Ok(outward) = TcpStream::connect(target) else { return };
    for (from, to) in [(&inward, &outward), (&outward, &inward)] {
        let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
}

fn path_to(target: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(target).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}
