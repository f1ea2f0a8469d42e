//! The thread that waits to lead, does the work while it does, and stops it when another leads.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use weir_queue::Source;
use weir_queue::kafka::{Candidate, ClusterConfig, GroupConfig, Term};
use weir_sample::Reading;

use super::forward::Elsewhere;
use super::kept;
use crate::alerting::running::{Files, Plan, Running};
use crate::alerting::standing::{Standing, lock};

/// Alerting that one of several processes does.
pub(in crate::alerting) struct Led {
    shared: Arc<Shared>,
    ended: Mutex<Receiver<()>>,
}

struct Shared {
    candidate: Candidate,
    running: Mutex<Option<Running>>,
    standing: Arc<Standing>,
    stopping: AtomicBool,
}

/// Pause between two looks at whether this process leads.
const LOOK: Duration = Duration::from_millis(200);
/// As long as both threads may take to end, and the last word to leave.
const END: Duration = Duration::from_secs(16);
/// By this name the notifier claims what it reads.
const GROUP: &str = "notifier";

impl Led {
    /// Begins to follow whoever leads.
    pub(in crate::alerting) fn start(plan: Plan, cluster: ClusterConfig) -> Result<Self> {
        let candidate =
            Candidate::start(&cluster, &plan.config.advertised()).context("following who leads alerting")?;
        let (running, standing, stopping) = (Mutex::default(), plan.standing.clone(), AtomicBool::new(false));
        let shared = Arc::new(Shared { candidate, running, standing, stopping });
        let (for_thread, (alive, ended)) = (shared.clone(), channel());
        let thread = std::thread::Builder::new().name("weir-led".into()).spawn(move || {
            let _alive: std::sync::mpsc::Sender<()> = alive;
            for_thread.work(&plan, &cluster);
        });
        thread.context("starting a thread of alerting")?;
        Ok(Self { shared, ended: Mutex::new(ended) })
    }

    /// Whether this process leads.
    pub(in crate::alerting) fn is_here(&self) -> bool {
        lock(&self.shared.running).is_some()
    }

    /// Why nobody leads, as far as this process can see.
    pub(in crate::alerting) fn trouble(&self) -> Option<String> {
        let reason = self.shared.candidate.trouble();
        reason.map(|reason| format!("it is not known who leads alerting: {reason}"))
    }

    pub(in crate::alerting) fn readings(&self) -> Vec<Reading> {
        let leads = f64::from(u8::from(self.is_here()));
        let known = f64::from(u8::from(self.shared.candidate.leader().is_some()));
        vec![
            Reading::gauge("weir_alert_leads", &[], leads, LEADS),
            Reading::gauge("weir_alert_leader_known", &[], known, KNOWN),
            Reading::counter("weir_alert_terms_total", &[], self.shared.candidate.terms(), TERMS),
        ]
    }

    pub(in crate::alerting) fn reload(&self) {
        lock(&self.shared.running).iter().for_each(Running::reload);
    }

    /// Ends the work here and says so.
    pub(in crate::alerting) fn stop(&self) {
        self.shared.stopping.store(true, Relaxed);
        // Its sender is never used: that it is gone is what is waited for.
        if lock(&self.ended).recv_timeout(END) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            tracing::warn!("alerting is cut off: another process goes on with it in some seconds");
        }
    }

    pub(in crate::alerting) fn elsewhere(&self) -> Elsewhere {
        let shared = self.shared.clone();
        Elsewhere::new(move || match shared.candidate.leader() {
            Some(leader) if leader.is_here => None,
            Some(leader) => Some(Ok(leader.address)),
            None => Some(Err("no process leads alerting now: one will in some seconds".into())),
        })
    }
}

impl Shared {
    fn work(&self, plan: &Plan, cluster: &ClusterConfig) {
        while !self.stopping.load(Relaxed) {
            let Some(term) = self.candidate.wait_to_lead(LOOK) else { continue };
            match Running::start(plan, files(&term, cluster)) {
                Ok(running) => *lock(&self.running) = Some(running),
                Err(error) => {
                    tracing::error!(
                        error = format!("{error:#}"),
                        "alerting is led here and cannot start: it is tried again"
                    );
                    std::thread::sleep(LOOK * 5);
                    continue;
                }
            }
            while term.over().is_none() && !self.stopping.load(Relaxed) {
                std::thread::sleep(LOOK);
            }
            let running = lock(&self.running).take();
            match running {
                Some(running) if self.stopping.load(Relaxed) => running.stop(),
                // The files of a term that is over can only fail, so nothing lasts long.
                Some(running) => running.end(),
                None => {}
            }
            self.standing.withdraw();
        }
        self.candidate.resign();
    }
}

fn files(term: &Arc<Term>, cluster: &ClusterConfig) -> Files {
    let group = GroupConfig {
        cluster: cluster.clone(),
        group: GROUP.into(),
        // What is gone is older than any alert that could still be told.
        accept_lost_records: true,
        reads_alerts: true,
        ..GroupConfig::default()
    };
    Files {
        states: kept::file(term, "states"),
        notifier: kept::file(term, "notifier"),
        source: Source::Kafka(Box::new(group)),
    }
}

const LEADS: &str = "1 while this process evaluates rules and tells people; exactly one should.";
const KNOWN: &str = "0 while nobody is known to lead alerting. For longer than 10 s: no process that could is there, or brokers are away.";
const TERMS: &str = "Times that this process has begun to lead. Often: leaders are killed or stall, see their logs.";
