//! Which targets there are now: those of the file, and those that other places name. Each place is followed by a task of its own;
//! one that cannot be asked keeps what it said before.

mod asker;
mod consul;
mod dns;
mod etcd;
#[cfg(test)]
mod fake;
mod files;
mod http;
mod kubernetes;
mod running;
mod said;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::sync::Notify;
use weir_wire::AgentId;

use crate::config::{Group, Job, Source};
use crate::relabel::LabelSet;
use crate::target::{Made, Target};
use running::Running;
use said::Said;

/// All places that name targets, followed.
pub(crate) struct Discovery {
    jobs: Vec<Arc<Job>>,
    running: Vec<Running>,
    news: Arc<Notify>,
    failures: Arc<AtomicU64>,
}

/// What there is.
#[derive(Default)]
pub(crate) struct Found {
    pub targets: HashMap<AgentId, Arc<Target>>,
    pub dropped: Vec<Dropped>,
    /// Addresses that relabelling drops, of which only some are kept.
    pub dropped_count: usize,
    /// Jobs of which a place has not said anything yet: whoever was there before may still be.
    pub pending: HashSet<String>,
    /// What is wrong.
    pub faults: Vec<String>,
}

/// An address that is no target, since relabelling drops it.
#[derive(Clone, Debug)]
pub(crate) struct Dropped {
    pub job: String,
    pub discovered: LabelSet,
}

/// Dropped addresses that are kept to be shown.
const MOST_DROPPED: usize = 1_000;
/// Faults that are told at once.
const MOST_FAULTS: usize = 100;

impl Discovery {
    pub(crate) fn new(jobs: Vec<Arc<Job>>) -> Self {
        let empty = Self { jobs: Vec::new(), running: Vec::new(), news: Arc::default(), failures: Arc::default() };
        empty.with(jobs)
    }

    /// The same for other jobs. A place that is in both is followed on.
    pub(crate) fn with(self, jobs: Vec<Arc<Job>>) -> Self {
        let Self { running: mut before, news, failures, .. } = self;
        let mut running = Vec::<Running>::new();
        for source in jobs.iter().flat_map(|job| &job.sources) {
            if running.iter().any(|one| one.source == *source) {
                continue;
            }
            match before.iter().position(|one| one.source == *source) {
                Some(at) => running.push(before.swap_remove(at)),
                None => running.push(Running::start(source.clone(), news.clone(), failures.clone())),
            }
        }
        news.notify_one();
        Self { jobs, running, news, failures }
    }

    /// Until there is something new.
    pub(crate) async fn changed(&self) {
        self.news.notified().await;
    }

    /// Questions to places that failed since the start.
    pub(crate) fn failures(&self) -> Arc<AtomicU64> {
        self.failures.clone()
    }

    /// All targets as they are known now.
    pub(crate) fn targets(&self) -> Found {
        let mut found = Found::default();
        for job in &self.jobs {
            let mut count = Count::default();
            for group in &job.groups {
                found.add(job, group, &mut count);
            }
            for source in &job.sources {
                let Some(said) = self.said(source) else { continue };
                match &said.groups {
                    Some(groups) => groups.iter().for_each(|group| found.add(job, group, &mut count)),
                    None => _ = found.pending.insert(job.name.clone()),
                }
                found.faults.extend(said.fault.map(|fault| format!("job {:?}: {fault}", job.name)));
            }
            if count.found > 0 && count.found == count.dropped {
                let fault = format!("job {:?}: relabel_configs drop all of its {} targets", job.name, count.found);
                found.faults.push(fault);
            }
        }
        let more = found.faults.len().saturating_sub(MOST_FAULTS);
        found.faults.truncate(MOST_FAULTS);
        if more > 0 {
            found.faults.push(format!("and {more} more like these"));
        }
        found
    }

    fn said(&self, source: &Source) -> Option<Said> {
        self.running.iter().find(|one| one.source == *source).map(|one| one.said.borrow().clone())
    }
}

/// Of one job's addresses.
#[derive(Default)]
struct Count {
    found: usize,
    dropped: usize,
}

impl Found {
    fn add(&mut self, job: &Arc<Job>, group: &Group, count: &mut Count) {
        for address in &group.targets {
            count.found += 1;
            match Target::of(job, group, address) {
                Ok(Made::Dropped(discovered)) => {
                    count.dropped += 1;
                    self.dropped_count += 1;
                    if self.dropped.len() < MOST_DROPPED {
                        self.dropped.push(Dropped { job: job.name.clone(), discovered });
                    }
                }
                Ok(Made::Target(target)) => {
                    let (id, target) = (target.id, Arc::from(target));
                    if let Some(twice) = self.targets.insert(id, target) {
                        let other = if twice.job.name == job.name { "" } else { " (in another job too)" };
                        let fault = format!("job {:?} has {} twice{other}, with the same labels", job.name, twice.uri);
                        self.faults.push(fault);
                    }
                }
                Err(fault) => self.faults.push(format!("job {:?}: target {address:?}: {fault}", job.name)),
            }
        }
    }
}

#[cfg(test)]
mod following {
    use super::*;
    use crate::config::Config;

    async fn check(discovery: &Discovery, expected: &[&str], faults: &[&str]) {
        let is_so = |found: &Found| {
            let mut uris: Vec<_> =
                found.targets.values().map(|target| target.uri.authority().unwrap().to_string()).collect();
            uris.sort();
            let told = &found.faults;
            uris == expected && told.len() == faults.len() && told.iter().zip(faults).all(|(a, b)| a.contains(b))
        };
        let wait = async {
            while !is_so(&discovery.targets()) {
                discovery.changed().await;
            }
        };
        let found = tokio::time::timeout(std::time::Duration::from_secs(20), wait).await;
        assert!(found.is_ok(), "{expected:?} {faults:?} but {:?}", discovery.targets().faults);
    }

    #[tokio::test]
    async fn files_are_followed_and_a_broken_one_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (path, list) = (folder.path().join("scrape.yml"), folder.path().join("a.json"));
        let text = "scrape_configs:\n- job_name: j\n  file_sd_configs: [{files: ['*.json']}]\n  \
                    static_configs: [{targets: ['s:1', 's:1']}]\n- job_name: none\n  static_configs: \
                    [{targets: ['n:1']}]\n  relabel_configs: [{action: drop}]\n";
        std::fs::write(&path, text).unwrap();
        std::fs::write(&list, r#"[{"targets": ["f:1"], "labels": {"a": "b"}}]"#).unwrap();
        let jobs = || Config::load(&path).unwrap().jobs.into_iter().map(Arc::new).collect::<Vec<_>>();
        let discovery = Discovery::new(jobs());
        assert!(discovery.targets().pending.contains("j"));
        check(&discovery, &["f:1", "s:1"], &["twice", "drop all of its 1"]).await;
        assert_eq!(discovery.targets().dropped[0].discovered["__address__"], "n:1");
        std::fs::write(&list, r#"[{"targets": ["f:1"#).unwrap();
        check(&discovery, &["f:1", "s:1"], &["twice", "stay", "drop all of its 1"]).await;
        // Another configuration with the same files does not have to read them first.
        let discovery = discovery.with(jobs());
        check(&discovery, &["f:1", "s:1"], &["twice", "stay", "drop all of its 1"]).await;
        std::fs::write(&list, r#"[{"targets": ["f:2"]}]"#).unwrap();
        check(&discovery, &["f:2", "s:1"], &["twice", "drop all of its 1"]).await;
        std::fs::remove_file(&list).unwrap();
        check(&discovery, &["s:1"], &["twice", "drop all of its 1"]).await;
    }
}
