//! StatsD clients that know to the unit what must be stored.
//!
//! A line is *settled* once what holds it is durable: at an agent when the window that has it is in the spool, at a gateway
//! when the window's partial is in the queue. Settled lines are counted once exactly. Lines in an open window live in memory
//! only: a SIGKILL may take them, and they are counted once at most. So each *life*, from one start of the process to the
//! next, has a label of its own; what is stored of it lies between its settled and its sent lines, and most kills come while
//! these are the same.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use weir_tests::Chance;

use crate::process::{Process, within};

/// One client of one process.
pub(crate) struct Counting {
    pub(crate) process: Arc<Process>,
    statsd: SocketAddr,
    /// The metric that it sends.
    pub(crate) metric: &'static str,
    lines: &'static str,
    settling: &'static str,
    /// Whether nobody else moves `settling`, so that it is looked at before lines are sent.
    alone: bool,
    /// Held while lines are in the open.
    pub(crate) gate: Mutex<()>,
    lives: Mutex<Vec<Life>>,
    faults: Mutex<Vec<String>>,
}

/// What was sent within one life of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) sent: u64,
    pub(crate) settled: u64,
}

/// A life as the client sees it.
struct Course {
    starts: u64,
    /// Lines of before that the process has counted.
    before: f64,
    number: usize,
}

/// A window of a gateway is ten seconds, and a disk may be full meanwhile.
const PATIENCE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(60);
const MOST_LINES: u64 = 60;

impl Counting {
    pub(crate) fn by_agent(process: Arc<Process>, statsd: SocketAddr) -> Self {
        let (lines, settling) = ("weir_agent_statsd_lines_total", "weir_agent_sealed_batches_total");
        Self::new(process, statsd, "soak_by_agent", (lines, settling), false)
    }

    pub(crate) fn straight(process: Arc<Process>, statsd: SocketAddr) -> Self {
        let (lines, settling) = ("weir_statsd_lines_total", "weir_gateway_statsd_partials_total");
        Self::new(process, statsd, "soak_straight", (lines, settling), true)
    }

    fn new(
        process: Arc<Process>,
        statsd: SocketAddr,
        metric: &'static str,
        (lines, settling): (&'static str, &'static str),
        alone: bool,
    ) -> Self {
        let (gate, lives, faults) = Default::default();
        Self { process, statsd, metric, lines, settling, alone, gate, lives, faults }
    }

    pub(crate) fn lives(&self) -> Vec<Life> {
        self.lives.lock().unwrap().clone()
    }

    /// What went wrong while it counted.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.faults.lock().unwrap().clone()
    }

    /// Counts until `over`, and then once more: all is well again, so these lines must settle.
    pub(crate) fn run(&self, seed: u64, over: &AtomicBool) {
        let (socket, mut chance) = (UdpSocket::bind("127.0.0.1:0").unwrap(), Chance::new(seed));
        let mut course = self.begin();
        loop {
            let last = over.load(Relaxed);
            let Some(at) = &course else { return self.fault("it does not answer any more") };
            let settled = {
                let _gate = self.gate.lock().unwrap();
                self.round(&socket, at, 1 + chance.below(MOST_LINES))
            };
            match (settled, last) {
                (true, true) => return,
                (true, false) => {}
                (false, _) => course = self.begin(),
            }
            sleep(PAUSE);
        }
    }

    fn fault(&self, what: &str) {
        self.faults.lock().unwrap().push(format!("{}: {what}", self.process.name));
    }

    /// A new life, once the process answers and takes no lines that were sent in another.
    fn begin(&self) -> Option<Course> {
        let calm = || {
            let (starts, before) = (self.process.starts(), self.process.reading(self.lines)?);
            sleep(PAUSE);
            let same = self.process.reading(self.lines)? == before && self.process.starts() == starts;
            same.then_some((starts, before))
        };
        let (starts, before) = within(PATIENCE, calm)?;
        let mut lives = self.lives.lock().unwrap();
        lives.push(Life::default());
        Some(Course { starts, before, number: lives.len() - 1 })
    }

    /// Sends lines in one datagram, so that one window has them, and waits until they are settled; false if the life has
    /// ended meanwhile.
    fn round(&self, socket: &UdpSocket, course: &Course, times: u64) -> bool {
        let (began, settling) = (Instant::now(), || self.process.reading(self.settling));
        let mut before = if self.alone { settling() } else { None };
        let line = format!("{}:1|c|#client:{},life:{}\n", self.metric, self.process.name, course.number);
        self.lives.lock().unwrap()[course.number].sent += times;
        // A port that is closed just now is one more way to lose lines that nobody took.
        let _ = socket.send_to(line.repeat(times as usize).as_bytes(), self.statsd);
        let sent = self.lives.lock().unwrap()[course.number].sent;
        let mut taken = false;
        while self.process.starts() == course.starts {
            if began.elapsed() > PATIENCE {
                self.fault(if taken { "lines do not become durable" } else { "lines are not taken" });
                return false;
            }
            sleep(PAUSE / 2);
            if !taken {
                taken = self.process.reading(self.lines).is_some_and(|lines| lines - course.before == sent as f64);
                // Of an agent every window moves it: only those that end from here on count.
                before = if self.alone { before } else { None };
                continue;
            }
            let Some(now) = settling() else { continue };
            if now > *before.get_or_insert(now) {
                // The figures were this life's, or the process was started in between.
                let same = self.process.starts() == course.starts;
                if same {
                    self.lives.lock().unwrap()[course.number].settled = sent;
                }
                return same;
            }
        }
        false
    }
}
