//! What is done to a site, at random times that a seed gives: each fault begins, lasts, and heals.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use weir_tests::{Chance, Switch};

use crate::process::Process;
use crate::site::{Disk, Layout, Site};

/// A fault, of a process or a disk.
#[derive(Clone)]
enum Fault {
    Kill(Arc<Process>),
    /// SIGSTOP.
    Hold(Arc<Process>),
    Full(Place),
    SyncFails(Arc<Process>, Place),
    WriteFails(Arc<Process>, Place),
    /// By so many milliseconds.
    Clock(Arc<Process>, i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Queue = 1,
    Store = 2,
}

/// The faults of one site.
pub(crate) struct Faults<'a> {
    site: &'a Site,
    layout: Layout,
    chance: Chance,
    began: Instant,
    active: Vec<(Instant, Fault)>,
    /// How many began, by kind.
    pub(crate) begun: BTreeMap<&'static str, u64>,
    /// Processes that ended though nobody killed them, and were started again as a supervisor would.
    pub(crate) fallen: Vec<String>,
}

const STEP: Duration = Duration::from_millis(200);
/// Clocks of a fleet are wrong by seconds or minutes; days are for other tests.
const MOST_CLOCK_MS: u64 = 240_000;

impl<'a> Faults<'a> {
    pub(crate) fn new(site: &'a Site, layout: Layout, chance: Chance) -> Self {
        Self {
            site,
            layout,
            chance,
            began: Instant::now(),
            active: Vec::new(),
            begun: BTreeMap::new(),
            fallen: Vec::new(),
        }
    }

    /// Hurts for so long, then heals everything.
    pub(crate) fn run(&mut self, duration: Duration, mut look: impl FnMut()) {
        let mut next = Instant::now() + Duration::from_millis(500);
        while self.began.elapsed() < duration {
            self.heal(Instant::now());
            self.supervise();
            if Instant::now() >= next {
                self.begin();
                next = Instant::now() + Duration::from_millis(500 + self.chance.below(3_500));
            }
            look();
            sleep(STEP);
        }
        while let Some((end, _)) = self.active.first() {
            let end = *end;
            self.heal(end.max(Instant::now()));
            self.supervise();
            sleep(STEP);
        }
    }

    fn begin(&mut self) {
        let fault = self.pick();
        // One fault of a kind and place at a time; and what is killed or held is left alone.
        if self.active.iter().any(|(_, other)| other.clashes(&fault)) {
            return;
        }
        let lasting = Duration::from_millis(match fault {
            Fault::Kill(_) => self.chance.below(1_500),
            Fault::Hold(_) => 500 + self.chance.below(4_000),
            _ => 1_000 + self.chance.below(7_000),
        });
        self.say(&format!("{} for {:.1} s", fault.told(), lasting.as_secs_f64()));
        self.start(&fault);
        *self.begun.entry(fault.kind()).or_default() += 1;
        self.active.push((Instant::now() + lasting, fault));
        self.active.sort_by_key(|(end, _)| *end);
    }

    fn pick(&mut self) -> Fault {
        let mut one_of =
            |processes: Vec<&Arc<Process>>| processes[self.chance.below(processes.len() as u64) as usize].clone();
        let (any, server, gateway) =
            (one_of(self.site.processes()), one_of(self.site.servers()), one_of(self.site.gateways.iter().collect()));
        let sink = self.site.sink.clone();
        let step = (1_500 + self.chance.below(MOST_CLOCK_MS)) as i64;
        let step = if self.chance.happens(0.5) { step } else { -step };
        match self.chance.below(13) {
            0..3 => Fault::Kill(any),
            3 => Fault::Kill(server),
            4..6 => Fault::Hold(any),
            6 => Fault::Full(Place::Queue),
            7 => Fault::Full(Place::Store),
            8 => Fault::SyncFails(gateway, Place::Queue),
            9 => Fault::SyncFails(sink, if self.layout == Layout::Roles { Place::Store } else { Place::Queue }),
            10 => match self.chance.happens(0.5) {
                true => Fault::WriteFails(gateway, Place::Queue),
                false => Fault::WriteFails(sink, Place::Store),
            },
            _ => Fault::Clock(any, step),
        }
    }

    fn start(&self, fault: &Fault) {
        match fault {
            Fault::Kill(process) => {
                // Most kills come while all that was sent is settled, so that exactly that must be stored.
                let gate = self.site.counting.iter().find(|client| Arc::ptr_eq(&client.process, process));
                let until = Instant::now() + Duration::from_secs(3);
                let guard = loop {
                    match gate.map(|client| client.gate.try_lock()) {
                        Some(Err(_)) if Instant::now() < until => sleep(Duration::from_millis(2)),
                        taken => break taken,
                    }
                };
                process.kill();
                drop(guard);
            }
            Fault::Hold(process) => process.signal(Signal::STOP),
            Fault::Full(place) => self.disk(*place).iter().for_each(|disk| disk.fill()),
            Fault::SyncFails(process, place) => process.switch(Switch::SyncFails, *place as i64),
            Fault::WriteFails(process, place) => process.switch(Switch::WriteFails, *place as i64),
            Fault::Clock(process, step) => process.switch(Switch::ClockMs, *step),
        }
    }

    fn heal(&mut self, now: Instant) {
        while self.active.first().is_some_and(|(end, _)| *end <= now) {
            let (_, fault) = self.active.remove(0);
            match &fault {
                Fault::Kill(process) => process.start_again(),
                Fault::Hold(process) => process.signal(Signal::CONT),
                Fault::Full(place) => self.disk(*place).iter().for_each(|disk| disk.free()),
                Fault::SyncFails(process, _) => process.switch(Switch::SyncFails, 0),
                Fault::WriteFails(process, _) => process.switch(Switch::WriteFails, 0),
                Fault::Clock(process, _) => process.switch(Switch::ClockMs, 0),
            }
        }
    }

    /// Starts what has ended by itself, as systemd does.
    pub(crate) fn supervise(&mut self) {
        for process in self.site.processes() {
            if let Some(status) = process.fallen() {
                let last = process.log().lines().last().unwrap_or_default().to_owned();
                let causes = self.active.iter().map(|(_, fault)| fault.told()).collect::<Vec<_>>().join(", ");
                let told = format!("{} ended by itself ({status}) during [{causes}]: {last}", process.name);
                self.say(&told);
                self.fallen.push(told);
                process.start_again();
            }
        }
        // A disk that is full stays so: what a restart or a reserve gives back is taken too.
        for (_, fault) in &self.active {
            if let Fault::Full(place) = fault {
                self.disk(*place).iter().for_each(|disk| disk.fill());
            }
        }
    }

    fn disk(&self, place: Place) -> Option<&Disk> {
        match place {
            Place::Queue => self.site.queue_disk.as_ref(),
            Place::Store => self.site.store_disk.as_ref(),
        }
    }

    fn say(&self, what: &str) {
        println!("{:6.1} s  {what}", self.began.elapsed().as_secs_f64());
    }
}

impl Fault {
    fn process(&self) -> Option<&Arc<Process>> {
        match self {
            Self::Kill(process) | Self::Hold(process) | Self::Clock(process, _) => Some(process),
            Self::SyncFails(process, _) | Self::WriteFails(process, _) => Some(process),
            Self::Full(_) => None,
        }
    }

    fn clashes(&self, other: &Self) -> bool {
        let same = match (self.process(), other.process()) {
            (Some(one), Some(two)) => Arc::ptr_eq(one, two),
            (one, two) => one.is_none() && two.is_none(),
        };
        let ends = |fault: &Self| matches!(fault, Self::Kill(_) | Self::Hold(_));
        same && (std::mem::discriminant(self) == std::mem::discriminant(other) || (ends(self) && ends(other)))
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Kill(_) => "kill",
            Self::Hold(_) => "stop",
            Self::Full(_) => "no_space",
            Self::SyncFails(..) => "sync_fails",
            Self::WriteFails(..) => "write_fails",
            Self::Clock(..) => "clock",
        }
    }

    fn told(&self) -> String {
        match self {
            Self::Kill(process) => format!("SIGKILL of {}", process.name),
            Self::Hold(process) => format!("SIGSTOP of {}", process.name),
            Self::Full(place) => format!("no space for the {place:?}").to_lowercase(),
            Self::SyncFails(process, place) => format!("{}: syncs of the {place:?} fail", process.name),
            Self::WriteFails(process, place) => format!("{}: writes to the {place:?} fail", process.name),
            Self::Clock(process, step) => format!("{}: the clock is set by {:.1} s", process.name, *step as f64 / 1e3),
        }
    }
}
