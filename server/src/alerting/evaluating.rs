//! The evaluator's thread: it follows rule files and watermark, and takes a turn whenever something is due.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use weir_alert::evaluate::{Evaluator, Settings, Told};
use weir_alert::states::{StateError, StateFile, StateStore, put_aside};
use weir_sample::Reading;

use super::events::EventLog;
use super::ground::Ground;
use super::rules::RuleFiles;
use super::standing::Standing;
use crate::clock::now;

/// Everything that the thread owns.
pub(super) struct Evaluating {
    pub state: StateFile,
    pub settings: Settings,
    pub files: RuleFiles,
    pub ground: Box<dyn Ground>,
    pub events: Arc<EventLog>,
    pub standing: Arc<Standing>,
    pub signals: Arc<Signals>,
}

/// What others tell it.
#[derive(Debug, Default)]
pub(super) struct Signals {
    pub stopping: AtomicBool,
    pub reload: AtomicBool,
}

/// Pause between two looks at whether something is due: short against any interval.
const LOOK: Duration = Duration::from_millis(200);
/// Pause after something failed.
const AGAIN: Duration = Duration::from_secs(1);
/// How long what happened is kept.
const KEEP: Duration = Duration::from_secs(90 * 86_400);
/// Time between two clearings of the history.
const CARE: Duration = Duration::from_secs(3_600);

impl Evaluating {
    /// Works until it is told to stop.
    pub(super) fn run(mut self) {
        let Some(mut evaluator) = self.open() else { return };
        self.standing.can_tell(evaluator.store().history());
        let (mut cared, mut fails) = (None::<Instant>, false);
        while !self.is_stopping() {
            let loaded = self.follow_rules(&mut evaluator);
            let told = self.ground.told(now(), !fails).filter(|told| is_at_hand(&evaluator, told));
            let mut more = false;
            if let Some(told) = &told {
                let turn = self.ground.turn(&mut evaluator, told, &self.events);
                match &turn.failure {
                    Some(failure) => self.standing.health.failed(&Failure(failure.clone())),
                    None => self.standing.health.works(),
                }
                (more, fails) = (turn.more, turn.failure.is_some());
                if turn.evaluated > 0 || fails || loaded {
                    self.publish(&evaluator);
                }
            }
            self.standing.turned(told.map(|told| told.complete_to.unwrap_or(told.now)));
            if cared.is_none_or(|cared| cared.elapsed() >= CARE) {
                cared = Some(Instant::now());
                if let Err(error) = evaluator.forget_before(now().minus(KEEP)) {
                    self.standing.health.failed(&error);
                }
            }
            if !more {
                thread::park_timeout(if fails { AGAIN } else { LOOK });
            }
        }
        tracing::info!("rules are evaluated no longer");
    }

    fn is_stopping(&self) -> bool {
        self.signals.stopping.load(Ordering::Acquire)
    }

    /// Opens the state file, again and again if need be. `None` if it is told to stop before that.
    fn open(&mut self) -> Option<Evaluator> {
        while !self.is_stopping() {
            match self.try_open() {
                Ok(evaluator) => {
                    self.standing.health.works();
                    return Some(evaluator);
                }
                Err(error) => self.standing.health.failed(&error),
            }
            thread::park_timeout(AGAIN);
        }
        None
    }

    fn try_open(&self) -> Result<Evaluator, StateError> {
        let (store, aside) = StateStore::open(self.state.clone())?;
        if let Some(aside) = aside {
            let aside = aside.display();
            tracing::error!(%aside, "the state file of alerts is damaged and was put aside: alerts that fire are told anew");
        }
        Evaluator::new(store, self.settings.clone())
    }

    fn follow_rules(&mut self, evaluator: &mut Evaluator) -> bool {
        let all = self.signals.reload.swap(false, Ordering::AcqRel);
        if !self.files.follow(all) {
            return false;
        }
        let set = self.files.set();
        if let Err(error) = evaluator.load(set.groups(), &set.unusable()) {
            // The rules are in force all the same.
            self.standing.health.failed(&error);
        }
        self.ground.read_names(evaluator.names_read());
        true
    }

    fn publish(&self, evaluator: &Evaluator) {
        let bad = self.files.set().bad_files() as f64;
        let mut readings = evaluator.readings();
        readings.push(Reading::gauge("weir_alert_bad_rule_files", &[], bad, BAD_FILES));
        readings.push(put_aside(&self.state));
        self.standing.publish(evaluator.shown(), readings);
    }
}

/// Whether data are complete to where groups were evaluated, or nearly: after a crash the store is read anew from its last
/// checkpoint, and until then it is no sign of a clock that went back.
fn is_at_hand(evaluator: &Evaluator, told: &Told) -> bool {
    let newest = evaluator.shown().groups().filter_map(|group| group.evaluated_to).max();
    newest.is_none_or(|newest| told.complete_to.is_none_or(|to| to.millis() >= newest.min(told.now.millis()) - NEAR_MS))
}

/// Well within what counts as a clock that went back.
const NEAR_MS: i64 = 600_000;

/// Why a turn could not be finished.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failure(String);

const BAD_FILES: &str = "Rule files with an error: what was last good of them stays in force. The log names file, line and column, and so \
    does weir alert check.";
