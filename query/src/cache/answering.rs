//! A range query that takes what is kept and stands, evaluates the rest, and keeps both.

use std::ops::Range;
use std::sync::Arc;

use weir_sample::{Kind, Series, Timestamp};
use weir_store::{Answered, Matcher, Selection, Tier};

use crate::answer::{Answer, Data, Line};
use crate::budget::Budget;
use crate::cache::proof::Proof;
use crate::cache::reads::{Doubt, Reads};
use crate::cache::results::ResultCache;
use crate::cache::run::Run;
use crate::error::QueryError;
use crate::evaluation::Evaluation;
use crate::read::source::{Allow, Each, Source};
use crate::row::Steps;
use crate::syntax::Expr;
use crate::text::matchers::matchers;

/// A cache, and who asks it.
#[derive(Clone, Copy, Debug)]
pub struct Remembered<'a> {
    /// The cache.
    pub cache: &'a ResultCache,
    /// Whoever sees the same series under the same name: a tenant, a source. Nothing is shared between two of them.
    pub asker: &'a str,
    /// The time of the question, for sources that cannot tell of changes.
    pub now: Timestamp,
}

/// Stretches of steps that are evaluated one by one; where more are missing, one from the first to the last is.
const MOST_HOLES: usize = 4;

/// Steps that are kept of one query: those of its range and what stands beside it.
const MOST_STEPS: usize = 11_000;

/// A query with its tree.
#[derive(Clone, Copy)]
struct Asked<'a> {
    source: &'a dyn Source,
    budget: &'a Budget,
    expr: &'a Expr,
    text: &'a str,
    steps: Steps,
}

/// Answers a range query.
pub(crate) fn range(
    remembered: &Remembered<'_>,
    (source, budget): (&dyn Source, &Budget),
    (expr, text): (&Expr, &str),
    steps: Steps,
) -> Result<Answer, QueryError> {
    let asked = Asked { source, budget, expr, text, steps };
    let lookback = i64::try_from(budget.limits.lookback.as_millis()).unwrap_or(i64::MAX / 4);
    let reads = match Reads::of(expr, lookback) {
        Ok(reads) => reads,
        Err(doubt) => return asked.doubted(remembered.cache, doubt),
    };
    if asked.tier(&reads)? != Tier::Raw {
        return asked.doubted(remembered.cache, Doubt::Tier);
    }
    let key = asked.key(remembered.asker);
    // Before anything is read: what changes meanwhile does not stand afterwards.
    let prove = |steps: Steps| {
        let span = reads.span(steps.start, steps.end());
        Proof::now(source, span, remembered.cache.lifetime, remembered.now)
    };
    let adjoins =
        |run: &Arc<Run>| run.steps.start <= steps.end() + steps.step && run.steps.end() >= steps.start - steps.step;
    let earlier = remembered.cache.find(&key).filter(adjoins);
    if let Some(run) = earlier
        && let Ok(proof) = prove(around(steps, run.steps))
    {
        let stands = proof.standing(&run.proof, &reads, run.steps.instants());
        return asked.with(remembered.cache, &key, (&reads, proof), &Known { run, stands });
    }
    match prove(steps) {
        Ok(proof) => asked.anew(remembered.cache, &key, (&reads, proof)),
        Err(doubt) => asked.doubted(remembered.cache, doubt),
    }
}

/// Steps that were evaluated before, and which of them stand.
struct Known {
    run: Arc<Run>,
    stands: Vec<bool>,
}

impl Known {
    /// Whether the value of an instant is known and stands.
    fn has(&self, time: i64) -> bool {
        let at = usize::try_from((time - self.run.steps.start).div_euclid(self.run.steps.step));
        at.is_ok_and(|at| self.stands.get(at) == Some(&true))
    }

    /// Steps of the run that stand, within some steps and not where they are evaluated again.
    fn stretches(&self, within: Steps, again: &[Steps]) -> Vec<Range<usize>> {
        let is_in = |steps: &Steps, time: i64| (steps.start..=steps.end()).contains(&time);
        let wanted = |at: &usize| {
            let time = self.run.steps.at(*at);
            self.stands[*at] && is_in(&within, time) && !again.iter().any(|steps| is_in(steps, time))
        };
        stretches((0..self.stands.len()).filter(wanted))
    }

    /// The steps of a question, and those beside them that stand.
    fn grown(&self, steps: Steps) -> Steps {
        let step = steps.step;
        let room = MOST_STEPS.saturating_sub(steps.count);
        let before = (1..=room as i64).take_while(|by| self.has(steps.start - by * step)).count();
        let after = (1..=(room - before) as i64).take_while(|by| self.has(steps.end() + by * step)).count();
        Steps { start: steps.start - before as i64 * step, step, count: before + steps.count + after }
    }
}

/// Neighbouring numbers as stretches.
fn stretches(numbers: impl Iterator<Item = usize>) -> Vec<Range<usize>> {
    let mut stretches: Vec<Range<usize>> = Vec::new();
    for number in numbers {
        match stretches.last_mut() {
            Some(last) if last.end == number => last.end += 1,
            _ => stretches.push(number..number + 1),
        }
    }
    stretches
}

/// All steps from the first of either to the last of either.
fn around(one: Steps, other: Steps) -> Steps {
    let (start, end) = (one.start.min(other.start), one.end().max(other.end()));
    Steps::spanning(start, end, one.step)
}

impl Asked<'_> {
    /// Tells this question from all others: by who asks, what, how, and where its steps lie.
    fn key(&self, asker: &str) -> String {
        let limits = &self.budget.limits;
        let (lookback, delayed) = (limits.lookback.as_millis(), limits.delayed_name_removal);
        let (step, phase) = (self.steps.step, self.steps.start.rem_euclid(self.steps.step));
        format!("{step} {phase} {lookback} {delayed} {} {asker} {}", asker.len(), self.expr)
    }

    /// The coarsest tier that any selector is answered from.
    fn tier(&self, reads: &Reads<'_>) -> Result<Tier, QueryError> {
        let start = Timestamp(reads.span(self.steps.start, self.steps.start).0);
        let mut coarsest = Tier::Raw;
        for (selector, _) in &reads.selectors {
            let matchers = matchers(selector, &|| self.budget.check_time())?;
            coarsest = coarsest.max(self.source.tier(start, &matchers));
        }
        Ok(coarsest)
    }

    /// Evaluates as if there were no cache.
    fn doubted(&self, cache: &ResultCache, doubt: Doubt) -> Result<Answer, QueryError> {
        cache.doubt(doubt);
        let evaluation = Evaluation::new(self.source, self.budget, self.steps, self.text);
        let data = evaluation.range(self.expr)?;
        let answer = evaluation.answer(data)?;
        Ok(Answer { evaluated_steps: self.steps.count, ..answer })
    }

    /// Evaluates every step, and keeps them.
    fn anew(&self, cache: &ResultCache, key: &str, how: (&Reads<'_>, Proof)) -> Result<Answer, QueryError> {
        let (reads, proof) = how;
        let evaluation = Evaluation::new(self.source, self.budget, self.steps, self.text).ordered();
        let data = evaluation.range(self.expr)?;
        let answer = evaluation.answer(data)?;
        let said = self.said(reads);
        let is_noted = !answer.infos.is_empty() || answer.warnings.iter().any(|warning| !said.contains(warning));
        match &answer.data {
            Data::Matrix(lines) if !is_noted && answer.tiers == [Tier::Raw] => {
                if cache.is_on() {
                    let run = Run::of(self.steps, proof, None, lines.clone());
                    keep(cache, key, run, reads);
                }
            }
            _ => cache.doubt(Doubt::Notes),
        }
        cache.count(0, self.steps.count);
        Ok(Answer { evaluated_steps: self.steps.count, ..answer })
    }

    /// Evaluates what does not stand.
    fn with(
        &self,
        cache: &ResultCache,
        key: &str,
        (reads, proof): (&Reads<'_>, Proof),
        known: &Known,
    ) -> Result<Answer, QueryError> {
        let holes = self.holes(known);
        let missing: usize = holes.iter().map(|hole| hole.count).sum();
        if missing == self.steps.count {
            return self.anew(cache, key, (reads, proof));
        }
        let filled = match self.fill(&holes) {
            Err(QueryError::Execution(_)) => None,
            outcome => outcome?,
        };
        let Some(fresh) = filled else {
            // What is said of some steps, or wrong with them, is not all that there is, nor what comes first.
            drop((self.budget.warnings(), self.budget.infos()));
            return self.anew(cache, key, (reads, proof));
        };
        let answer = if holes.is_empty() {
            self.cut(&known.run)?
        } else {
            let all = known.grown(self.steps);
            let earlier = (&*known.run, &*known.stretches(all, &holes));
            let run = Run::of(all, proof.with(&known.run.proof), Some(earlier), fresh);
            let answer = self.cut(&run)?;
            keep(cache, key, run, reads);
            answer
        };
        let (kept_steps, evaluated_steps) = (self.steps.count - missing, missing);
        cache.count(kept_steps, evaluated_steps);
        Ok(Answer { kept_steps, evaluated_steps, warnings: self.said(reads), ..answer })
    }

    /// The steps that must be evaluated.
    fn holes(&self, known: &Known) -> Vec<Steps> {
        let missing = (0..self.steps.count).filter(|at| !known.has(self.steps.at(*at)));
        let mut holes = stretches(missing);
        if holes.len() > MOST_HOLES
            && let (Some(first), Some(last)) = (holes.first(), holes.last())
        {
            holes = vec![Range { start: first.start, end: last.end }];
        }
        let steps = |hole: Range<usize>| Steps { start: self.steps.at(hole.start), count: hole.len(), ..self.steps };
        holes.into_iter().map(steps).collect()
    }

    /// The values of some stretches; nothing if there is more to be said of them.
    fn fill(&self, holes: &[Steps]) -> Result<Option<Vec<Line>>, QueryError> {
        let (source, mut lines) = (Quiet(self.source), Vec::new());
        for hole in holes {
            let evaluation = Evaluation::new(&source, self.budget, *hole, self.text).ordered();
            if let Data::Matrix(fresh) = evaluation.range(self.expr)? {
                lines.extend(fresh);
            }
            if evaluation.tiers().iter().any(|tier| *tier != Tier::Raw) {
                return Ok(None);
            }
        }
        let is_noted = !self.budget.warnings().is_empty() || !self.budget.infos().is_empty();
        Ok((!is_noted).then_some(lines))
    }

    /// The answer, out of a run.
    fn cut(&self, run: &Run) -> Result<Answer, QueryError> {
        let from = ((self.steps.start - run.steps.start) / run.steps.step) as usize;
        let mut lines = Vec::new();
        for line in run.lines(from..from + self.steps.count) {
            self.budget.work(self.steps.count)?;
            self.budget.hold(line.heap_bytes())?;
            lines.push(line);
        }
        let data = Data::Matrix(lines);
        self.budget.check_answer(data.text_bytes())?;
        Ok(Answer { tiers: vec![Tier::Raw], ..Answer::of(data) })
    }

    /// What the source has to say of the samples that are read.
    fn said(&self, reads: &Reads<'_>) -> Vec<String> {
        let mut said: Vec<String> = Vec::new();
        for (_, later) in &reads.selectors {
            let warning = self.source.warning(Timestamp(self.steps.end().saturating_add(*later)));
            said.extend(warning.filter(|warning| !said.contains(warning)));
        }
        said
    }
}

/// Keeps the steps of a run that may be.
fn keep(cache: &ResultCache, key: &str, run: Run, reads: &Reads<'_>) {
    let count = run.steps.instants().take_while(|at| run.proof.may_keep(reads, *at)).count();
    if count == run.steps.count {
        cache.keep(key, run);
    } else if count > 0 {
        let (steps, proof) = (Steps { count, ..run.steps }, run.proof.clone());
        cache.keep(key, Run::of(steps, proof, Some((&run, &stretches(0..count))), Vec::new()));
    }
}

/// A source without what it has to say.
struct Quiet<'a>(&'a dyn Source);

impl Source for Quiet<'_> {
    fn select(&self, selection: &Selection<'_>, each: Each<'_>) -> Result<Answered, QueryError> {
        self.0.select(selection, each)
    }

    fn series(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: Allow<'_>,
    ) -> Result<Vec<(Series, Kind)>, QueryError> {
        self.0.series(matchers, start, end, allow)
    }

    fn label_names(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: Allow<'_>,
    ) -> Result<Vec<String>, QueryError> {
        self.0.label_names(matchers, start, end, allow)
    }

    fn label_values(
        &self,
        label: &str,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        allow: Allow<'_>,
    ) -> Result<Vec<String>, QueryError> {
        self.0.label_values(label, matchers, start, end, allow)
    }
}
