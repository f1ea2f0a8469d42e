//! The client itself: a job, a socket, and the thread that sends, repeats and renews.

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ring::rand::{SecureRandom, SystemRandom};
use weir_sample::Timestamp;
use weir_wire::Renewal;

use crate::job::{Job, Left};
use crate::source::{Fresh, Source};
use crate::{ClientConfig, Error, lines};

/// A job's way to the gateways. Share it between threads by reference.
pub struct Client {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    uplink: Mutex<Uplink>,
    /// Something was acknowledged.
    acknowledged: Condvar,
    source: Source,
}

struct Uplink {
    job: Job,
    socket: Arc<UdpSocket>,
    /// Which of the gateways is used: another one after long silence.
    turn: usize,
    /// How far the servers' clock is ahead of this host's.
    ahead_ms: i64,
    renewal: Renewal,
    /// When the next session is to be fetched.
    renew_at: Option<Instant>,
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
        let mut job = Job::new(random, config.interval, config.labels, wall_clock(0));
        let Fresh { session, lives, ahead_ms } = source.session(job.agent(), turn, || wall_clock(0).millis())?;
        let now = Instant::now();
        job.grant(session, lives.map(|lives| now + lives));
        let socket = Arc::new(open(&source.addresses(turn)?)?);
        let mut renewal = Renewal::new(RENEW_PAUSE, RENEW_PAUSE * 2, turn as u64);
        let renew_at = lives.map(|lives| now + renewal.granted(lives));
        let uplink = Uplink {
            job,
            socket,
            turn,
            ahead_ms,
            renewal,
            renew_at,
            trouble: None,
            stopping: false,
            datagram: Vec::new(),
        };
        let shared = Arc::new(Shared { uplink: Mutex::new(uplink), acknowledged: Condvar::new(), source });
        let working = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("weir-client".into()).spawn(move || working.work());
        Ok(Self { shared, thread: Some(thread.map_err(system("starting a thread"))?) })
    }

    /// Adds up lines of StatsD, in any dialect, with line feeds between. They are sent when their window ends, or with
    /// [`Client::flush`].
    ///
    /// # Errors
    /// [`Error::Lines`] if some were refused; the others were taken.
    pub fn send_lines(&self, lines: &[u8]) -> Result<(), Error> {
        let (mut count, mut first) = (0, None);
        let mut uplink = self.shared.uplink();
        let wall = uplink.wall();
        uplink.job.receive(lines, Instant::now(), wall, |refused| {
            count += 1;
            first.get_or_insert_with(|| {
                (String::from_utf8_lossy(refused.line).into_owned(), refused.reason.to_string())
            });
        });
        drop(uplink);
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
        let mut uplink = self.shared.uplink();
        uplink.job.close(started);
        uplink.send_due(&self.shared.source);
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
        while uplink.job.awaits_acks()
            && let Some(left) = patience.checked_sub(started.elapsed())
        {
            uplink = self.shared.acknowledged.wait_timeout(uplink, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let Left { batches, samples, given_up, too_long } = uplink.job.settle();
        if batches + given_up == 0 {
            return if too_long == 0 { Ok(()) } else { Err(Error::TooLong { series: too_long }) };
        }
        let reason = match (&uplink.trouble, given_up) {
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
        self.shared.uplink().stopping = true;
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It has nothing to tell.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn uplink(&self) -> MutexGuard<'_, Uplink> {
        self.uplink.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what is due and hears what comes back, until the client is dropped.
    fn work(self: Arc<Self>) {
        let mut buffer = [0; 2_048];
        loop {
            let mut uplink = self.uplink();
            if uplink.stopping {
                return;
            }
            let (now, wall) = (Instant::now(), uplink.wall());
            uplink.job.turn(now, wall);
            uplink.send_due(&self.source);
            let renews = uplink.renew_at.take_if(|at| *at <= now).is_some();
            let idle = uplink.job.idle_for(now, wall).unwrap_or(SLEEP).max(Duration::from_millis(1));
            let socket = uplink.job.awaits_acks().then(|| Arc::clone(&uplink.socket));
            drop(uplink);
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
                self.uplink().job.on_datagram(Instant::now(), &mut buffer[..size]);
                self.acknowledged.notify_all();
            }
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            // The port was unreachable a moment ago; do not spin on it.
            Err(_) => std::thread::sleep(PAUSE),
        }
    }

    fn renew(&self) {
        let (agent, turn) = {
            let uplink = self.uplink();
            (uplink.job.agent(), uplink.turn)
        };
        let outcome = self.source.session(agent, turn, || wall_clock(0).millis());
        let (mut uplink, now) = (self.uplink(), Instant::now());
        match outcome {
            Ok(Fresh { session, lives, ahead_ms }) => {
                uplink.job.grant(session, lives.map(|lives| now + lives));
                uplink.ahead_ms = ahead_ms;
                uplink.renew_at = lives.map(|lives| now + uplink.renewal.granted(lives));
                uplink.trouble = None;
            }
            Err(error) => {
                uplink.turn = turn.wrapping_add(1);
                uplink.renew_at = Some(now + uplink.renewal.failed());
                uplink.trouble = Some(error);
            }
        }
    }
}

impl Uplink {
    /// The servers' clock, as far as it is known.
    fn wall(&self) -> Timestamp {
        wall_clock(self.ahead_ms)
    }

    fn send_due(&mut self, source: &Source) {
        if self.job.leaves_source() {
            self.turn = self.turn.wrapping_add(1);
            // Without a socket of a new port the old one goes on.
            if let Ok(socket) = source.addresses(self.turn).and_then(|addresses| open(&addresses)) {
                self.socket = Arc::new(socket);
            }
        }
        let mut datagram = std::mem::take(&mut self.datagram);
        while self.job.next_datagram(Instant::now(), &mut datagram) {
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
