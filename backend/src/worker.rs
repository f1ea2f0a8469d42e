//! The thread of a backend: stretch by stretch, and what came late.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use weir_sample::{Kind, Reading, Timestamp};
use weir_store::{Column, Follower, Hint, Late, Matcher, Selection, SeriesData, Store};

use crate::buckets;
use crate::config::{BackendConfig, Histograms};
use crate::counting::{Counted, Counting};
use crate::lanes::Lanes;
use crate::progress::Progress;
use crate::request::{Cutter, Item};
use crate::sending::Sending;
use crate::stretch::{self, Stretch};
use crate::tiers;

/// The store of now, and until when the data of all live senders are in it; `None` while there is none.
pub type Feed = dyn Fn() -> Option<(Arc<Store>, Timestamp)> + Send + Sync;

/// A backend at work.
pub struct Backend {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    config: BackendConfig,
    folder: PathBuf,
    sending: Arc<Sending>,
    place: Mutex<Place>,
    /// Of the thread alone.
    counting: Mutex<Counting>,
}

/// How far it is, and who hears of what comes late.
#[derive(Default)]
struct Place {
    progress: Progress,
    follower: Option<Arc<Follower>>,
    /// What came late and is being sent.
    under_way: Late,
}

/// Pause between two looks at whether a stretch is due, and after a failure of our own.
const LOOK: Duration = Duration::from_millis(100);
const AGAIN: Duration = Duration::from_secs(1);

impl Backend {
    /// Reads in `folder` how far it is.
    ///
    /// # Errors
    /// What is wrong with its files or its settings, as a sentence.
    pub fn open(config: BackendConfig, folder: PathBuf) -> Result<Self, String> {
        weir_files::own_folder(&folder).map_err(|error| error.to_string())?;
        let progress = Progress::read(&folder).map_err(|error| error.to_string())?;
        let sending = Arc::new(Sending::new(&config, &folder)?);
        sending.status.passed.store(progress.passed.unwrap_or_default().millis(), Relaxed);
        sending.status.complete.store(progress.passed.unwrap_or_default().millis(), Relaxed);
        let place = Mutex::new(Place { progress, ..Place::default() });
        let counting = Mutex::new(Counting::new(config.tier));
        let shared = Arc::new(Shared { config, folder, sending, place, counting });
        Ok(Self { shared, thread: Mutex::default() })
    }

    /// To be called with each store before anything is written to it: what is written where this backend has been is late. At a start
    /// that is much of what the queue brings again.
    pub fn opened(&self, store: &Store) {
        let mut place = self.shared.place();
        let earlier = place.follower.take().map(|follower| follower.take_late()).unwrap_or_default();
        let late = place.progress.late.with(&earlier);
        let passed = place.progress.until.or(place.progress.passed);
        place.follower = passed.map(|passed| store.follow(passed, late));
        self.shared.sending.closed.store(false, Relaxed);
    }

    /// To be called before a store is taken out of use: lets it go soon, and waits for the next one.
    pub fn closed(&self) {
        self.shared.sending.closed.store(true, Relaxed);
    }

    /// Takes up its work with the stores of `feed`, of each of which [`Backend::opened`] told it.
    ///
    /// # Errors
    /// There are no more threads.
    pub fn start(&self, feed: Arc<Feed>) -> Result<(), String> {
        let shared = self.shared.clone();
        let thread = std::thread::Builder::new().name("backend".into()).spawn(move || shared.run(&*feed));
        let thread = thread.map_err(|error| format!("a thread cannot be started: {error}"))?;
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(())
    }

    /// To be called before a checkpoint of the store lets the queue forget: what came late must not be forgotten with it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save_late(&self) -> Result<(), weir_files::Error> {
        self.shared.save(&mut self.shared.place())
    }

    /// Why it is behind, if it is.
    pub fn trouble(&self) -> Option<String> {
        self.shared.sending.status.trouble(&self.shared.config.name)
    }

    /// Its telemetry.
    pub fn readings(&self) -> Vec<Reading> {
        self.shared.sending.status.readings(&self.shared.config.name)
    }

    /// Stops after what is under way, or in the middle of it if that does not come to an end.
    pub fn stop(&self) {
        self.shared.sending.stopping.store(true, Relaxed);
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // A panic was reported by its own thread.
            let _ = thread.join();
        }
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, feed: &Feed) {
        while !self.sending.stopping.load(Relaxed) {
            let pause = match feed() {
                None => LOOK,
                Some((store, complete)) => match self.turn(&store, complete) {
                    Ok(true) => Duration::ZERO,
                    Ok(false) => LOOK,
                    Err(reason) => {
                        self.sending.status.fails(&reason);
                        AGAIN
                    }
                },
            };
            std::thread::sleep(pause);
        }
        // What a follower holds is of this process alone.
        if let Err(error) = self.save(&mut self.place()) {
            tracing::error!(%error, "a backend's progress cannot be written");
        }
    }

    /// Writes down how far it is, and what came late and was not taken yet.
    fn save(&self, place: &mut Place) -> Result<(), weir_files::Error> {
        let Some(follower) = &place.follower else { return Ok(()) };
        let late = follower.late().with(&place.under_way);
        if late != place.progress.late {
            place.progress.late = late;
            place.progress.write(&self.folder)?;
        }
        Ok(())
    }

    /// Sends what is due; whether more may be.
    fn turn(&self, store: &Arc<Store>, complete: Timestamp) -> Result<bool, String> {
        let status = &self.sending.status;
        status.complete.fetch_max(complete.millis(), Relaxed);
        let (late, stretch) = {
            let mut place = self.place();
            let stretch = stretch::next(&self.config, &place.progress, complete);
            let late = place.follower.as_ref().map(|follower| follower.take_late()).unwrap_or_default();
            place.under_way = late.clone();
            if let Some(stretch) = stretch {
                self.begin(&mut place, store, stretch)?;
            }
            (late, stretch)
        };
        if late.is_empty() && stretch.is_none() {
            return Ok(false);
        }
        let outcome = self.send(store, &late, stretch);
        let mut place = self.place();
        place.under_way = Late::default();
        if !matches!(outcome, Ok(true)) {
            if let Some(follower) = &place.follower {
                follower.put_back(&late);
            }
            return outcome;
        }
        status.late_groups.fetch_add(late.len() as u64, Relaxed);
        if let Some(stretch) = stretch {
            (place.progress.passed, place.progress.until) = (Some(stretch.until), None);
            status.passed.store(stretch.until.millis(), Relaxed);
        }
        if let Some(follower) = &place.follower {
            place.progress.late = follower.late();
        }
        place.progress.write(&self.folder).map_err(|error| error.to_string())?;
        Ok(true)
    }

    /// Notes a stretch before any of it is sent: from now on what comes into it is late.
    fn begin(&self, place: &mut Place, store: &Arc<Store>, stretch: Stretch) -> Result<(), String> {
        match &place.follower {
            Some(follower) => store.pass(follower, stretch.until),
            None => place.follower = Some(store.follow(stretch.until, std::mem::take(&mut place.progress.late))),
        }
        if place.progress.until != Some(stretch.until) {
            (place.progress.passed, place.progress.until) = (Some(stretch.after), Some(stretch.until));
            place.progress.write(&self.folder).map_err(|error| error.to_string())?;
            self.sending.status.skipped_seconds.fetch_add(stretch.skipped, Relaxed);
        }
        Ok(())
    }

    /// Reads, cuts and sends; false if it is to stop before all was taken.
    fn send(&self, store: &Store, late: &Late, stretch: Option<Stretch>) -> Result<bool, String> {
        let lanes = Lanes::start(&self.sending, self.config.lanes).map_err(|error| error.to_string())?;
        let mut counting = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = stretch.map_or_else(|| self.place().progress.passed.unwrap_or_default(), |stretch| stretch.after);
        let mut counting = if self.sending.sends_histograms() {
            let begun = counting.begin(store, self.matching(), passed);
            begun.map_err(|error| format!("reading the store: {error}"))?;
            Some(&mut *counting)
        } else {
            None
        };
        let mut all = true;
        if !late.is_empty() {
            let late = late.rounded(self.config.tier.millis());
            all = self.send_late(store, &lanes, &late, counting.as_deref_mut())?;
        }
        if let Some(stretch) = stretch.filter(|stretch| all && stretch.until > stretch.after) {
            all = self.send_stretch(store, &lanes, stretch, counting.as_deref_mut())?;
        }
        all &= lanes.finish();
        if let (Some(counting), Some(stretch), true) = (counting, stretch, all) {
            counting.pass(stretch.until);
        }
        Ok(all)
    }

    fn send_late(
        &self,
        store: &Store,
        lanes: &Lanes,
        late: &Late,
        counting: Option<&mut Counting>,
    ) -> Result<bool, String> {
        let tier = self.config.tier;
        let floats = self.read(lanes, &mut |matchers, take| {
            store.select_late(late, matchers, &mut |data| take(tiers::items(data, tier)))
        })?;
        let Some(counting) = counting.filter(|_| floats) else { return Ok(floats) };
        let period = counting.period();
        self.read(lanes, &mut |matchers, take| {
            store.select_late_histograms(late, matchers, &|first| period.since(first), &mut |data, span| {
                take(counting.of_late(data, span).map_or_else(Vec::new, |counted| self.histograms(counted)))
            })
        })
    }

    fn send_stretch(
        &self,
        store: &Store,
        lanes: &Lanes,
        Stretch { after, until, .. }: Stretch,
        mut counting: Option<&mut Counting>,
    ) -> Result<bool, String> {
        let start = Timestamp(after.millis() + 1);
        self.read(lanes, &mut |matchers, take| {
            let selection = Selection { matchers, start, end: until, hint: Hint::default(), any_order: false };
            let mut each = |mut data: SeriesData| {
                // A coarser tier answers from two points earlier.
                data.retain_from(start);
                if data.timestamps.is_empty() {
                    return ControlFlow::Continue(());
                }
                match (&data.values, &mut counting) {
                    (Column::Floats(_), _) => take(tiers::items(data, self.config.tier)),
                    (Column::Histograms(_), Some(counting)) => {
                        take(counting.of_stretch(data).map_or_else(Vec::new, |counted| self.histograms(counted)))
                    }
                    (Column::Histograms(_), None) => ControlFlow::Continue(()),
                }
            };
            store.select(&selection, &mut each).map(drop)
        })
    }

    /// Histograms as the backend is to have them.
    fn histograms(&self, counted: Counted) -> Vec<Item> {
        if let Histograms::Buckets(bounds) = &self.config.histograms {
            return buckets::items(&counted, bounds);
        }
        let Counted { series, times, sums, .. } = counted;
        vec![Item { series, kind: Kind::Distribution, times, values: Column::Histograms(sums) }]
    }

    /// Selectors of which a series matches one; an empty one matches all.
    fn matching(&self) -> &[Vec<Matcher>] {
        const EVERYTHING: &[Vec<Matcher>] = &[Vec::new()];
        if self.config.matching.is_empty() { EVERYTHING } else { &self.config.matching }
    }

    fn read(&self, lanes: &Lanes, select: &mut Select<'_>) -> Result<bool, String> {
        let (mut cutter, mut goes_on) = (Cutter::new(&self.config), true);
        for matchers in self.matching() {
            let mut take = |items: Vec<Item>| {
                for item in items {
                    if let Some(request) = cutter.add(item) {
                        goes_on &= lanes.send(request);
                    }
                }
                if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            };
            select(matchers, &mut take).map_err(|error| format!("reading the store: {error}"))?;
        }
        Ok(goes_on && cutter.finish().into_iter().all(|request| lanes.send(request)))
    }
}

type Take<'a> = dyn FnMut(Vec<Item>) -> ControlFlow<()> + 'a;
type Select<'a> = dyn FnMut(&[Matcher], &mut Take<'_>) -> Result<(), weir_store::Error> + 'a;

#[cfg(test)]
mod tests {
    use std::sync::Weak;
    use std::time::Instant;

    use weir_sample::Series;
    use weir_store::{StoreConfig, Tier};

    use super::*;
    use crate::stretch::tests::config;

    const PATIENCE: Duration = Duration::from_secs(20);

    /// A store with a sample a second.
    fn store(folder: &std::path::Path) -> Arc<Store> {
        let (store, _) = Store::open(folder, StoreConfig::default()).unwrap();
        let rows = store.rows(1, &[(Series::new("m", [("host", "a")]), Kind::Gauge)]);
        for second in 1..30 {
            store.append(&rows, Timestamp::from_secs(second), Duration::from_secs(1), &[1.0]).unwrap();
        }
        Arc::new(store)
    }

    #[test]
    fn a_store_is_let_go_when_it_closes_though_the_backend_answers_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let stored = store(&folder.path().join("store"));
        let gone = Arc::downgrade(&stored);
        // Nothing listens at its address.
        let backend = Backend::open(config(1, 0, Tier::Raw), folder.path().join("b")).unwrap();
        backend.opened(&stored);
        let now = Arc::new(Mutex::new(Some((stored, Timestamp::from_secs(5)))));
        let of_feed = now.clone();
        backend.start(Arc::new(move || of_feed.lock().unwrap().clone())).unwrap();
        let passed = || backend.shared.place().progress.passed;
        eventually(|| passed() == Some(Timestamp::from_secs(5)));
        now.lock().unwrap().as_mut().unwrap().1 = Timestamp::from_secs(20);
        eventually(|| backend.trouble().is_some());
        backend.closed();
        *now.lock().unwrap() = None;
        eventually(|| Weak::upgrade(&gone).is_none());
        assert_eq!(passed(), Some(Timestamp::from_secs(5)), "nothing was taken");
        let again = store(&folder.path().join("again"));
        backend.opened(&again);
        let late = backend.shared.place().follower.as_ref().unwrap().late();
        assert!(late.is_empty());
        let rows = again.rows(1, &[(Series::new("m", [("host", "a")]), Kind::Gauge)]);
        again.append(&rows, Timestamp::from_secs(19), Duration::from_secs(1), &[2.0]).unwrap();
        let late = backend.shared.place().follower.as_ref().unwrap().late();
        assert_eq!(late.span(), Some((Timestamp::from_secs(19), Timestamp::from_secs(19))), "where it has been");
    }

    fn eventually(mut is_so: impl FnMut() -> bool) {
        let started = Instant::now();
        while !is_so() {
            assert!(started.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
