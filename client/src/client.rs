//! The client itself: a sender, a socket, and the thread that sends, repeats and renews.

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ring::rand::{SecureRandom, SystemRandom};
use weir_sample::Timestamp;

use crate::sender::{Left, Sender};
use crate::source::{Fresh, Source};
use crate::{ClientConfig, Error, lines};

/// A job's way to the gateways. Share it between threads by reference.
pub struct Client {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    desk: Mutex<Desk>,
    /// Something was acknowledged.
    acknowledged: Condvar,
    source: Source,
}

struct Desk {
    sender: Sender,
    socket: Arc<UdpSocket>,
    /// Which of the gateways is used: another one after long silence.
    turn: usize,
    /// How far the servers' clock is ahead of this host's.
    ahead_ms: i64,
    /// When the next session is to be fetched.
    renewal: Option<Instant>,
    /// Why there is no new session.
    trouble: Option<Error>,
    stopping: bool,
    datagram: Vec<u8>,
}

/// The longest that the thread waits for an ack, or sleeps, before it looks again.
const LOOK: Duration = Duration::from_millis(100);
const SLEEP: Duration = Duration::from_secs(1);
/// From a datagram that nobody took to the next look, and from a failed attempt to get a session to the next.
const PAUSE: Duration = Duration::from_millis(50);
const RENEW_PAUSE: Duration = Duration::from_secs(5);

impl Client {
    /// Gets a session and is ready to send. Blocks until then.
    ///
    /// # Errors
    /// Any but [`Error::Lines`], [`Error::Unacknowledged`] and [`Error::TooLong`]; a refused token is
    /// [`Error::Session`] with the server's reason.
    pub fn connect(config: ClientConfig) -> Result<Self, Error> {
        let source = Source::open(&config)?;
        let mut random = [0; 20];
        SystemRandom::new().fill(&mut random).map_err(|_| system("asking for random bytes")(no_random()))?;
        let turn = usize::from(random[0]) << 8 | usize::from(random[1]);
        // Only the epoch depends on this clock, and it must only differ from those of other runs.
        let mut sender = Sender::new(random, config.interval, config.labels, wall_clock(0));
        let Fresh { session, lives, ahead_ms } = source.session(sender.agent(), turn, || wall_clock(0).millis())?;
        let now = Instant::now();
        sender.hear(session, lives.map(|lives| now + lives));
        let socket = Arc::new(open(&source.addresses(turn)?)?);
        let renewal = lives.map(|lives| now + lives.mul_f64(0.75));
        let desk =
            Desk { sender, socket, turn, ahead_ms, renewal, trouble: None, stopping: false, datagram: Vec::new() };
        let shared = Arc::new(Shared { desk: Mutex::new(desk), acknowledged: Condvar::new(), source });
        let working = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("weir-client".into()).spawn(move || working.work());
        Ok(Self { shared, thread: Some(thread.map_err(system("starting a thread"))?) })
    }

    /// Takes lines of StatsD, in any dialect, with line feeds between. They are sent when their window ends, or with
    /// [`Client::flush`].
    ///
    /// # Errors
    /// [`Error::Lines`] if some were refused; the others were taken.
    pub fn send_lines(&self, lines: &[u8]) -> Result<(), Error> {
        let (mut count, mut first) = (0, None);
        let mut desk = self.shared.desk();
        let wall = desk.wall();
        desk.sender.take(lines, Instant::now(), wall, |refused| {
            count += 1;
            first.get_or_insert_with(|| {
                (String::from_utf8_lossy(refused.line).into_owned(), refused.reason.to_string())
            });
        });
        drop(desk);
        match first {
            None => Ok(()),
            Some((line, reason)) => Err(Error::Lines { count, line, reason }),
        }
    }

    /// Adds to a counter.
    ///
    /// # Errors
    /// As for [`Client::send_lines`].
    pub fn count(&self, name: &str, delta: f64, tags: &[(&str, &str)]) -> Result<(), Error> {
        self.send_lines(lines::line(name, &delta.to_string(), "c", tags).as_bytes())
    }

    /// Sets a gauge. Of several jobs' the one that arrives last in a window stands.
    ///
    /// # Errors
    /// As for [`Client::send_lines`].
    pub fn gauge(&self, name: &str, value: f64, tags: &[(&str, &str)]) -> Result<(), Error> {
        self.send_lines(lines::gauge(name, value, tags).as_bytes())
    }

    /// Adds a value to a distribution.
    ///
    /// # Errors
    /// As for [`Client::send_lines`].
    pub fn distribution(&self, name: &str, value: f64, tags: &[(&str, &str)]) -> Result<(), Error> {
        self.send_lines(lines::line(name, &value.to_string(), "d", tags).as_bytes())
    }

    /// Sends everything taken so far and waits until it is acknowledged.
    ///
    /// # Errors
    /// [`Error::Unacknowledged`] if that takes longer than `patience`; it is still being sent, for up to an hour.
    /// [`Error::TooLong`] if series had to be left out since the last flush; all others are acknowledged then.
    pub fn flush(&self, patience: Duration) -> Result<(), Error> {
        let started = Instant::now();
        let mut desk = self.shared.desk();
        desk.sender.close(started);
        desk.send_due(&self.shared.source);
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
        while desk.sender.awaits_acks()
            && let Some(left) = patience.checked_sub(started.elapsed())
        {
            desk = self.shared.acknowledged.wait_timeout(desk, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let Left { batches, samples, given_up, too_long } = desk.sender.settle();
        if batches + given_up == 0 {
            return if too_long == 0 { Ok(()) } else { Err(Error::TooLong { series: too_long }) };
        }
        let reason = match (&desk.trouble, given_up) {
            (Some(error), _) => format!("no new session: {error}"),
            (None, 0) => "is the way by UDP open?".into(),
            (None, given_up) => format!("{given_up} of them are given up"),
        };
        Err(Error::Unacknowledged { batches: batches + given_up, samples, waited: started.elapsed(), reason })
    }

    /// As [`Client::flush`], and ends the client. What is not acknowledged then is not sent again.
    ///
    /// # Errors
    /// As for [`Client::flush`].
    pub fn close(self, patience: Duration) -> Result<(), Error> {
        self.flush(patience)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.shared.desk().stopping = true;
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It has nothing to tell.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what is due and takes what comes back, until the client is dropped.
    fn work(self: Arc<Self>) {
        let mut buffer = [0; 2_048];
        loop {
            let mut desk = self.desk();
            if desk.stopping {
                return;
            }
            let (now, wall) = (Instant::now(), desk.wall());
            desk.sender.turn(now, wall);
            desk.send_due(&self.source);
            let renews = desk.renewal.take_if(|at| *at <= now).is_some();
            let idle = desk.sender.idle_for(now, wall).unwrap_or(SLEEP).max(Duration::from_millis(1));
            let socket = desk.sender.awaits_acks().then(|| Arc::clone(&desk.socket));
            drop(desk);
            if renews {
                let renewing = Arc::clone(&self);
                // Not in this thread: acks come in the meantime.
                std::thread::spawn(move || renewing.renew());
            }
            match socket {
                Some(socket) => self.receive(&socket, idle.min(LOOK), &mut buffer),
                None => std::thread::park_timeout(idle.min(SLEEP)),
            }
        }
    }

    fn receive(&self, socket: &UdpSocket, patience: Duration, buffer: &mut [u8]) {
        let received = socket.set_read_timeout(Some(patience)).and_then(|()| socket.recv(buffer));
        match received {
            Ok(size) => {
                self.desk().sender.on_datagram(Instant::now(), &mut buffer[..size]);
                self.acknowledged.notify_all();
            }
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            // The port was unreachable a moment ago; do not spin on it.
            Err(_) => std::thread::sleep(PAUSE),
        }
    }

    fn renew(&self) {
        let (agent, turn) = {
            let desk = self.desk();
            (desk.sender.agent(), desk.turn)
        };
        let outcome = self.source.session(agent, turn, || wall_clock(0).millis());
        let (mut desk, now) = (self.desk(), Instant::now());
        match outcome {
            Ok(Fresh { session, lives, ahead_ms }) => {
                desk.sender.hear(session, lives.map(|lives| now + lives));
                desk.ahead_ms = ahead_ms;
                (desk.renewal, desk.trouble) = (lives.map(|lives| now + lives.mul_f64(0.75)), None);
            }
            Err(error) => {
                desk.turn = turn.wrapping_add(1);
                (desk.renewal, desk.trouble) = (Some(now + RENEW_PAUSE), Some(error));
            }
        }
    }
}

impl Desk {
    /// The servers' clock, as far as it is known.
    fn wall(&self) -> Timestamp {
        wall_clock(self.ahead_ms)
    }

    fn send_due(&mut self, source: &Source) {
        if self.sender.leaves_source() {
            self.turn = self.turn.wrapping_add(1);
            // Without a socket of a new port the old one goes on.
            if let Ok(socket) = source.addresses(self.turn).and_then(|addresses| open(&addresses)) {
                self.socket = Arc::new(socket);
            }
        }
        let mut datagram = std::mem::take(&mut self.datagram);
        while self.sender.next_datagram(Instant::now(), &mut datagram) {
            // What cannot be sent now is sent again as what was lost.
            let _ = self.socket.send(&datagram);
        }
        self.datagram = datagram;
    }
}

/// A socket that speaks to the first of the addresses.
fn open(addresses: &[(SocketAddr, String)]) -> Result<UdpSocket, Error> {
    let Some((to, _)) = addresses.first() else {
        return Err(Error::Server { server: String::new(), reason: "no address".into() });
    };
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).map_err(system("opening a UDP socket"))?;
    socket.connect(to).map_err(system("opening a UDP socket"))?;
    Ok(socket)
}

fn system(doing: &'static str) -> impl Fn(std::io::Error) -> Error {
    move |source| Error::System { doing, source }
}

fn no_random() -> std::io::Error {
    std::io::Error::other("the system has none")
}

fn wall_clock(ahead_ms: i64) -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX).saturating_add(ahead_ms))
}
