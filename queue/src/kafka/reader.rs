//! The reading end: partitions of a topic, merged by the time their records were received.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{CommitMode, Consumer as _},
};
use weir_sample::{Reading, Timestamp};

use super::{
    claim::Claim,
    cluster::{ClusterConfig, PATIENCE, Trouble},
    grow::may_follow,
    layout,
    log::Log,
    partition::{Consumer, Partition, Taken, first_to_read},
};
use crate::{Checkpoint, Error, Parts, Polled, Position, Record, Share};

/// Who reads what.
#[derive(Clone, Debug, Default)]
pub struct GroupConfig {
    /// Where the topics are.
    pub cluster: ClusterConfig,
    /// Readers that share a topic have one group and partitions of their own; two groups are two copies of all.
    pub group: String,
    /// Which partitions are this reader's: those whose number leaves the first when divided by the second.
    pub share: Share,
    /// Goes on where records are gone that were not read, or that had been read.
    pub accept_lost_records: bool,
    /// Reads what happens to alerts, in place of batches and parts.
    pub reads_alerts: bool,
}

impl GroupConfig {
    pub(crate) fn parts(&self) -> Result<Option<Parts>, Error> {
        if self.share.is_whole() {
            return Ok(None);
        }
        let writer = format!("{}-{}", self.group, self.share.index);
        let log = Log::connect_to(&self.cluster, self.cluster.partials(), &writer)?;
        let (partitions, group) = (log.partitions(), self.group.clone());
        Ok(Some(Parts { log: crate::Log::Kafka(log), partitions, share: self.share, group }))
    }
}

/// Reads partitions on behalf of a group, and is the only one who does while nobody claims them after it.
pub struct Reader {
    config: GroupConfig,
    consumer: Arc<Consumer>,
    claim: Claim,
    start: Checkpoint,
    partitions: Vec<Partition>,
    records: u64,
    payload_bytes: u64,
    untold: u64,
    /// First and last offset of each partition, and when they were asked for.
    ends: Mutex<Ends>,
}

#[derive(Default)]
struct Ends {
    at: Option<Instant>,
    of: HashMap<(Arc<str>, i32), (i64, i64)>,
}

/// A partition of which this long nothing was heard is asked about.
const QUIET: Duration = Duration::from_millis(100);
/// A partition that cannot be seen holds up the others for this long.
const HELD_UP: Duration = Duration::from_secs(10);
/// Where the last record was received longer ago, more is expected at once: the reader catches up.
const CATCHING_UP: Duration = Duration::from_secs(3);
/// A question about ends that brokers do not answer must not hold up a step.
const ASKED: Duration = Duration::from_millis(500);
/// Time between two looks at where partitions begin and end.
const ENDS_EVERY: Duration = Duration::from_secs(10);

impl std::fmt::Debug for Reader {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Reader({} for {})", self.config.cluster.prefix, self.config.group)
    }
}

impl Reader {
    /// Claims partitions and goes on in them after `checkpoint`.
    ///
    /// # Errors
    /// [`Error::Lost`] or [`Error::WentBack`] if the topic is not what the checkpoint is of; [`Error::Kafka`] where brokers cannot
    /// be reached, refuse this client, or have no topic that was set up.
    pub(crate) fn open(config: &GroupConfig, checkpoint: &Checkpoint) -> Result<Self, Error> {
        let trouble = Trouble::default();
        let consumer: Consumer =
            settings(config).create_with_context(trouble.clone()).map_err(|error| trouble.explain(&error))?;
        let mut reader = Self {
            config: config.clone(),
            consumer: Arc::new(consumer),
            claim: Claim::of(&config.group),
            start: checkpoint.clone(),
            partitions: Vec::new(),
            records: 0,
            payload_bytes: 0,
            untold: 0,
            ends: Mutex::default(),
        };
        let mut places = TopicPartitionList::new();
        let topics = match (config.reads_alerts, config.share.is_whole()) {
            (true, _) => vec![config.cluster.alerts()],
            (false, true) => vec![config.cluster.batches()],
            (false, false) => vec![config.cluster.batches(), config.cluster.partials()],
        };
        for topic in topics {
            reader.add_topic(&topic, &mut places, &trouble)?;
        }
        reader.consumer.assign(&places).map_err(|error| trouble.explain(&error))?;
        Ok(reader)
    }

    /// Claims the share of a topic, and notes where reading begins.
    fn add_topic(&mut self, topic: &str, places: &mut TopicPartitionList, trouble: &Trouble) -> Result<(), Error> {
        let Self { config, consumer, start: checkpoint, claim, .. } = &*self;
        let (ours, _) = layout::of_topic(&config.cluster, topic)?;
        let numbers = wanted(config.share, topic, ours, checkpoint)?;
        let mut starts = Vec::new();
        for &number in &numbers {
            let ends = consumer.fetch_watermarks(topic, number, PATIENCE).map_err(|error| trouble.explain(&error))?;
            let start = start(config, topic, number, checkpoint.position(&name(topic, number)), ends)?;
            let first = Offset::Offset(first_to_read(start, ends.0));
            places.add_partition_offset(topic, number, first).map_err(|error| trouble.explain(&error))?;
            starts.push(start);
        }
        let claims = claim.append(&config.cluster, topic, &numbers, now())?;
        let mut partitions = Vec::new();
        for (&number, start) in numbers.iter().zip(starts) {
            let queue = consumer.split_partition_queue(topic, number);
            let queue = queue.ok_or_else(|| Error::Kafka(format!("{topic} has no partition {number}")))?;
            let claimed = claims.get(&number).copied().unwrap_or_default();
            partitions.push(Partition::new(&Arc::from(topic), number, queue, start, claimed));
        }
        self.partitions.extend(partitions);
        Ok(())
    }

    pub(crate) fn poll(
        &mut self,
        max_bytes: usize,
        mut deliver: impl FnMut(&Record<'_>, Position),
    ) -> Result<Polled, Error> {
        let mut polled = Polled::default();
        if !self.survey()? {
            polled.blind = true;
            return Ok(polled);
        }
        while let Some(oldest) = self.oldest() {
            if polled.bytes >= max_bytes {
                polled.more = true;
                break;
            }
            let Some(Taken { header, frame, position }) = self.partitions[oldest].take() else { break };
            let record = header.record(&frame);
            deliver(&record, position);
            polled.records += 1;
            polled.bytes += record.payload.len();
            // The others have what they had.
            if !self.fill(oldest, Duration::ZERO)? && !self.survey()? {
                polled.blind = true;
                break;
            }
        }
        self.records += polled.records as u64;
        self.payload_bytes += polled.bytes as u64;
        Ok(polled)
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        let mut checkpoint = self.start.clone();
        for partition in &self.partitions {
            checkpoint.set(&name(&partition.topic, partition.number), partition.position());
        }
        checkpoint
    }

    pub(crate) fn oldest_unread(&mut self) -> Result<Option<Timestamp>, Error> {
        self.survey()?;
        Ok(self.partitions.iter().filter_map(Partition::received).min())
    }

    /// Commits the group's offsets, with who reads: for those who ask the brokers, never for a start.
    pub(crate) fn tell_place(&mut self) {
        let mut list = TopicPartitionList::new();
        for partition in &self.partitions {
            let mut told = list.add_partition(&partition.topic, partition.number);
            let place = told.set_offset(Offset::Offset(partition.next));
            told.set_metadata(format!("{} {} {}", self.claim.by, partition.claim, self.config.share.text()));
            self.untold += u64::from(place.is_err());
        }
        self.untold += u64::from(self.consumer.commit(&list, CommitMode::Async).is_err());
    }

    pub(crate) fn readings(&self) -> Vec<Reading> {
        let counter = |name, value, help| Reading::counter(name, &[("consumer", &self.config.group)], value, help);
        let (mut foreign, mut damaged) = (0, 0);
        for partition in &self.partitions {
            foreign += partition.counts.foreign;
            damaged += partition.counts.damaged;
        }
        let mut readings = vec![
            counter("weir_queue_read_records_total", self.records, "Records read."),
            counter("weir_queue_read_bytes_total", self.payload_bytes, "Payload bytes read."),
            counter("weir_queue_foreign_records_total", foreign, FOREIGN),
            counter("weir_queue_damaged_spots_total", damaged, DAMAGED),
            counter("weir_queue_untold_places_total", self.untold, UNTOLD),
        ];
        let ends = self.ends();
        for partition in &self.partitions {
            let (topic, number) = (&partition.topic, partition.number.to_string());
            let Some((low, high)) = ends.of.get(&(topic.clone(), partition.number)) else { continue };
            let labels = [("consumer", self.config.group.as_str()), ("topic", topic), ("partition", number.as_str())];
            let lag = (high - partition.next).max(0) as f64;
            let margin = (partition.next - low).max(0) as f64;
            let behind = partition.received().map_or(0.0, |received| now().since(received).as_secs_f64());
            readings.push(Reading::gauge("weir_queue_partition_behind_seconds", &labels, behind, BEHIND));
            readings.push(Reading::gauge("weir_queue_lag_records", &labels, lag, LAG));
            readings.push(Reading::gauge("weir_queue_retention_margin_records", &labels, margin, MARGIN));
            readings.push(Reading::gauge("weir_queue_kept_records", &labels, (high - low) as f64, KEPT));
        }
        readings
    }

    fn ends(&self) -> std::sync::MutexGuard<'_, Ends> {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        if ends.at.is_none_or(|at| at.elapsed() >= ENDS_EVERY) {
            ends.at = Some(Instant::now());
            let asked = self.partitions.iter().map_while(|Partition { topic, number, .. }| {
                let found = self.consumer.fetch_watermarks(topic, *number, ASKED).ok()?;
                Some(((topic.clone(), *number), found))
            });
            ends.of = asked.collect();
        }
        ends
    }

    /// Looks at all partitions; false if one cannot be seen that may have what was received before all else.
    fn survey(&mut self) -> Result<bool, Error> {
        // Queues are split from it; what is left to hear are errors of no partition.
        if let Some(Err(error)) = self.consumer.poll(Duration::ZERO) {
            tracing::debug!(%error, "the consumer reports");
            self.partitions.iter_mut().for_each(|partition| partition.at_end = false);
        }
        let (mut all_seen, mut brokers_answer) = (true, true);
        for at in 0..self.partitions.len() {
            if !self.fill(at, Duration::ZERO)? && self.is_expected(at) {
                all_seen &= self.learn(at, &mut brokers_answer)?;
            }
        }
        Ok(all_seen)
    }

    /// The partition whose next record was received first.
    fn oldest(&self) -> Option<usize> {
        let heads = self.partitions.iter().enumerate();
        heads.filter_map(|(at, partition)| Some((partition.received()?, at))).min().map(|(_, at)| at)
    }

    /// Takes what has arrived in a partition. One that has lost its end is read from its beginning, if that was accepted:
    /// what was counted is not counted again.
    fn fill(&mut self, at: usize, wait: Duration) -> Result<bool, Error> {
        let partition = &mut self.partitions[at];
        match partition.fill(&self.claim, wait) {
            Err(error @ Error::WentBack { .. }) if self.config.accept_lost_records => {
                let (topic, number) = (&partition.topic, partition.number);
                let ends = self.consumer.fetch_watermarks(topic, number, PATIENCE);
                let seek = ends.and_then(|(low, _)| {
                    self.consumer.seek(topic, number, Offset::Offset(low), PATIENCE).map(|()| low)
                });
                let low = seek.map_err(|_| error)?;
                tracing::warn!(
                    topic = &**topic,
                    number,
                    low,
                    "the topic has lost its end: it is read from its beginning"
                );
                partition.begin_at(low);
                Ok(false)
            }
            outcome => outcome,
        }
    }

    /// Whether others have to wait for what comes in a partition.
    fn is_expected(&self, at: usize) -> bool {
        let partition = &self.partitions[at];
        !partition.at_end && partition.last.is_none_or(|last| now().since(last) > CATCHING_UP)
    }

    /// Finds out whether a silent partition has more; true if it need not be waited for. Brokers that have not answered
    /// are not asked about the next one: a step must not take minutes.
    fn learn(&mut self, at: usize, brokers_answer: &mut bool) -> Result<bool, Error> {
        let wait = if *brokers_answer { QUIET } else { Duration::ZERO };
        if self.fill(at, wait)? || self.partitions[at].at_end {
            return Ok(true);
        }
        let partition = &mut self.partitions[at];
        let since = *partition.blind_since.get_or_insert_with(Instant::now);
        if *brokers_answer {
            match self.consumer.fetch_watermarks(&partition.topic, partition.number, ASKED) {
                Ok((low, _)) if low > partition.next => return Err(partition.lost(low)),
                Ok((_, high)) if high < partition.next => return Err(partition.went_back()),
                Ok((_, high)) if high == partition.next => {
                    (partition.at_end, partition.blind_since) = (true, None);
                    return Ok(true);
                }
                Ok(_) => {}
                Err(_) => *brokers_answer = false,
            }
        }
        Ok(since.elapsed() > HELD_UP)
    }
}

/// The name of a partition in a checkpoint.
fn name(topic: &str, partition: i32) -> String {
    format!("{topic}.{partition}")
}

/// The partitions of a share. A store cannot change it: what it has of partitions that it gave up stays in it, and of
/// new ones another has the past.
fn wanted(share: Share, topic: &str, ours: i32, saved: &Checkpoint) -> Result<Vec<i32>, Error> {
    if ours < share.of as i32 {
        return Err(Error::Kafka(format!("{topic} has {ours} partitions, too few for {} sinks", share.of)));
    }
    let numbers: Vec<i32> = (0..ours).filter(|number| share.has(*number as u32)).collect();
    let read: Vec<i32> = (0..ours).filter(|number| saved.position(&name(topic, *number)).is_some()).collect();
    if !read.is_empty() && !may_follow(share, &read, ours) {
        return Err(Error::Kafka(format!(
            "this store has read partitions {read:?} of {topic}, and {share} are {numbers:?}: a store keeps its share. Give the \
             new share an empty data folder, and ask this one for the past (docs/scale.md)"
        )));
    }
    Ok(numbers)
}

/// Where to go on in a partition that begins and ends so.
fn start(
    config: &GroupConfig,
    topic: &str,
    partition: i32,
    saved: Option<Position>,
    (low, high): (i64, i64),
) -> Result<Position, Error> {
    let Some(saved) = saved else { return Ok(Position { segment: 0, offset: low as u64 }) };
    let (topic, next) = (topic.to_owned(), saved.offset as i64);
    let error = match () {
        () if next < low => Error::Lost { topic, partition, next, first: low },
        () if next > high => Error::WentBack { topic, partition, next },
        () => return Ok(saved),
    };
    if !config.accept_lost_records {
        return Err(error);
    }
    tracing::warn!(%error, "this was accepted: reading goes on with what there is");
    Ok(Position { segment: 0, offset: low as u64 })
}

fn settings(config: &GroupConfig) -> rdkafka::ClientConfig {
    let mut client = config.cluster.client();
    client
        .set("group.id", format!("{}.{}", config.cluster.prefix, config.group))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "error")
        .set("fetch.wait.max.ms", "100")
        .set("fetch.message.max.bytes", "2097152")
        // For each partition.
        .set("queued.max.messages.kbytes", "4096");
    client
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(since.as_millis() as i64)
}

const FOREIGN: &str = "Messages in the topic that are no records of Weir's, skipped: find who else writes there.";
const DAMAGED: &str = "Records in the topic that are damaged, skipped: check the brokers' disks.";
const UNTOLD: &str =
    "Times that the group's offsets could not be committed: what `weir kafka status` says is out of date.";
const BEHIND: &str =
    "Age of the oldest record in a partition that was not read; 0 if there is none. Sinks scale by the worst.";
const LAG: &str = "Records in a partition that were not read yet.";
const MARGIN: &str = "Records in a partition that were read and are still there. Near 0 with a lag: the topic forgets what is not stored yet.";
const KEPT: &str = "Records in a partition.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_keeps_its_share() {
        let wanted = |index, of, saved: &Checkpoint| wanted(Share { index, of }, "t", 6, saved);
        let mut saved = Checkpoint::default();
        assert_eq!(wanted(1, 4, &saved).unwrap(), [1, 5]);
        assert!(wanted(7, 8, &saved).is_err());
        saved.set("up", Position::default());
        [1, 5].iter().for_each(|number| saved.set(&name("t", *number), Position::default()));
        assert_eq!(wanted(1, 4, &saved).unwrap(), [1, 5]);
        assert!(wanted(0, 4, &saved).is_err() && wanted(0, 1, &saved).is_err() && wanted(1, 2, &saved).is_err());
    }
}
