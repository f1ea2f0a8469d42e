//! All groups of one tenant: which is next, evaluated where data are there, written, handed on.

use std::collections::BTreeMap;
use std::thread;

use weir_sample::Timestamp;

use super::ask::Querier;
use super::group::{Circumstances, GroupRun};
use super::outlet::Outlet;
use super::row::Row;
use super::schedule::{Next, Slow};
use super::settings::Settings;
use super::told::Told;
use crate::states::{Commit, Happening, SavedGroup, StateError, StateStore};

/// Evaluates groups of rules. It is told the time, asks a [`Querier`] and writes to an [`Outlet`].
#[derive(Debug)]
pub struct Evaluator {
    pub(super) settings: Settings,
    pub(super) store: StateStore,
    pub(super) groups: Vec<GroupRun>,
    /// What the state file has of groups that no rule set has named yet.
    pub(super) saved: BTreeMap<String, SavedGroup>,
    pub(super) counters: Counters,
    /// Rows of evaluations that are not written yet.
    rows: Vec<Row>,
    /// The instant at which groups that were never evaluated begin; `None` for the newest.
    begin_at: Option<Timestamp>,
    slow: Slow,
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Evaluations of groups.
    pub evaluations: u64,
    /// Evaluations that were left out.
    pub skipped: u64,
    /// Events handed on.
    pub events: u64,
    /// Rows handed on.
    pub rows: u64,
    /// Failures to write rows, states or events; each is tried again.
    pub failures: u64,
}

/// What a turn did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Groups evaluated.
    pub evaluated: usize,
    /// More is due: the next turn need not wait.
    pub more: bool,
    /// Why something could not be written; the next turn tries again.
    pub failure: Option<String>,
}

impl Evaluator {
    /// An evaluator with the states of a file.
    ///
    /// # Errors
    /// [`StateError::Failed`].
    pub fn new(mut store: StateStore, settings: Settings) -> Result<Self, StateError> {
        let saved = store.groups()?;
        Ok(Self {
            settings,
            store,
            groups: Vec::new(),
            saved,
            counters: Counters::default(),
            rows: Vec::new(),
            begin_at: None,
            slow: Slow::default(),
        })
    }

    /// Lets groups that were never evaluated begin at an instant of the past.
    pub fn begin_at(&mut self, at: Timestamp) {
        self.begin_at = Some(at);
    }

    /// Evaluates what is due at this time, each group once at most, and hands on what came of it.
    pub fn turn(&mut self, told: &Told, querier: &dyn Querier, outlet: &mut dyn Outlet) -> Turn {
        let mut turn = Turn::default();
        if let Err(failure) = self.write(outlet) {
            self.counters.failures += 1;
            return Turn { failure: Some(failure), ..turn };
        }
        let due = self.due(told);
        turn.evaluated = due.len();
        let numbers: Vec<usize> = due.iter().map(|(number, _)| *number).collect();
        self.evaluate(due, told, querier);
        self.slow.note(numbers.into_iter().map(|number| self.groups[number].took()));
        if let Err(failure) = self.write(outlet) {
            self.counters.failures += 1;
            turn.failure = Some(failure);
        }
        turn.more = turn.failure.is_none() && turn.evaluated > 0 && !self.due(told).is_empty();
        turn
    }

    /// Groups that can be evaluated now, by number, and when. A group waits for those that it reads from.
    fn due(&self, told: &Told) -> Vec<(usize, Next)> {
        let next = |run: &GroupRun| {
            let usual = self.settings.catch_up;
            let catch_up = if self.settings.rests { Slow::catch_up(run, usual) } else { usual.as_millis() as i64 };
            let limit = told.last().millis().saturating_add(run.offset_ms(&self.settings)).min(told.now.millis());
            let begin = self.begin_at.map(|at| at.millis() - 1);
            run.schedule.next(run.evaluated_to.or(begin), told.now.millis(), limit, catch_up)
        };
        let mut due: Vec<(i64, usize, Next)> = Vec::new();
        for (number, run) in self.groups.iter().enumerate().filter(|(_, run)| run.unsaved.is_none()) {
            let next = next(run);
            match next {
                Next::Wait => {}
                Next::Evaluate(at) | Next::Anew(at) | Next::Skip { at, .. } => due.push((at, number, next)),
            }
        }
        let when: BTreeMap<usize, i64> = due.iter().map(|(at, number, _)| (*number, *at)).collect();
        let is_ready = |at: i64, number: usize| {
            let mut feeding =
                self.groups[number].fed_by.iter().filter_map(|other| when.get(other).map(|at| (*at, *other)));
            feeding.all(|other| other > (at, number))
        };
        due.retain(|(at, number, _)| is_ready(*at, *number));
        if self.settings.rests {
            self.slow.hold_back(&mut due, |number| self.groups[*number].took());
        }
        due.into_iter().map(|(_, number, next)| (number, next)).collect()
    }

    fn evaluate(&mut self, due: Vec<(usize, Next)>, told: &Told, querier: &dyn Querier) {
        let world = Circumstances { querier, left_out: &told.left_out, settings: &self.settings };
        let when: BTreeMap<usize, Next> = due.into_iter().collect();
        let mut runs: Vec<(&mut GroupRun, Next)> = Vec::new();
        for (number, run) in self.groups.iter_mut().enumerate() {
            runs.extend(when.get(&number).map(|next| (run, *next)));
        }
        let counters = &mut self.counters;
        for (_, next) in &runs {
            counters.evaluations += 1;
            counters.skipped += if let Next::Skip { count, .. } = next { *count } else { 0 };
        }
        let share = runs.len().div_ceil(self.settings.workers.max(1)).max(1);
        if share >= runs.len() {
            runs.into_iter().for_each(|(run, next)| evaluate_one(run, next, &world));
            return;
        }
        thread::scope(|scope| {
            while !runs.is_empty() {
                let some = runs.split_off(runs.len().saturating_sub(share));
                let world = &world;
                scope.spawn(move || some.into_iter().for_each(|(run, next)| evaluate_one(run, next, world)));
            }
        });
    }

    /// Writes what evaluations left, and hands events on. Rows come first: an evaluation whose rows are lost was none, one whose
    /// rows are there twice is the same.
    fn write(&mut self, outlet: &mut dyn Outlet) -> Result<(), String> {
        let unsaved = self.groups.iter_mut().filter_map(|run| run.unsaved.as_mut());
        unsaved.for_each(|outcome| self.rows.append(&mut outcome.rows));
        if !self.rows.is_empty() {
            outlet.rows(&self.rows)?;
            self.counters.rows += self.rows.len() as u64;
            self.rows.clear();
        }
        let commits: Vec<&Commit> =
            self.groups.iter().filter_map(|run| run.unsaved.as_ref()).map(|outcome| &outcome.commit).collect();
        if !commits.is_empty() {
            self.store.commit(&commits).map_err(|error| error.to_string())?;
            self.groups.iter_mut().for_each(|run| run.unsaved = None);
        }
        if self.groups.iter().any(|run| run.is_done) {
            self.groups.retain(|run| !run.is_done);
            self.link_groups();
        }
        while let Some((number, events)) = self.store.outbox().map_err(|error| error.to_string())? {
            outlet.events(&events)?;
            self.counters.events += events.len() as u64;
            self.store.handed_on(number).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Forgets history from before an instant.
    ///
    /// # Errors
    /// [`StateError::Failed`].
    pub fn forget_before(&mut self, before: Timestamp) -> Result<(), StateError> {
        self.store.forget_before(before.millis())
    }

    /// The state file, for its history.
    pub fn store(&mut self) -> &mut StateStore {
        &mut self.store
    }

    /// Counts since the start.
    pub fn counters(&self) -> Counters {
        self.counters
    }
}

fn evaluate_one(run: &mut GroupRun, next: Next, world: &Circumstances<'_>) {
    let outcome = match next {
        Next::Wait => return,
        Next::Evaluate(at) => run.evaluate(at, world, None),
        Next::Skip { at, count, .. } => run.evaluate(at, world, Some((Happening::Skipped, count))),
        Next::Anew(at) => run.evaluate(at, world, Some((Happening::ClockBack, 0))),
    };
    run.unsaved = Some(outcome);
}
