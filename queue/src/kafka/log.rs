//! The writing end: records go to their partitions, and are durable when the brokers have said so.

use std::{
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::Duration,
};

use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer},
};
use weir_sample::Reading;

use super::{
    cluster::{ClusterConfig, PATIENCE, Trouble},
    delivered::Delivered,
    layout::{self, partition_of},
};
use crate::{Error, MAX_PAYLOAD_BYTES, Position, Record, error::check_name, record::TOPIC_SALT};

/// What may be on its way to the brokers before appends are turned away.
const PENDING_BYTES: usize = 64 << 20;

/// How long the client tries to deliver a record. What it gives up is not acknowledged, so its sender has it still.
const DELIVERY: Duration = Duration::from_secs(60);

/// Time between two looks at the brokers.
const LOOK: Duration = Duration::from_secs(5);

/// A producer into the topic of batches.
pub struct Log {
    shared: Arc<Shared>,
    watch: Option<JoinHandle<()>>,
}

struct Shared {
    cluster: ClusterConfig,
    topic: String,
    writer: String,
    /// Partitions that records go to.
    partitions: i32,
    /// As many as the topic has: more if an operator has grown it.
    found: AtomicI32,
    producer: RwLock<ThreadedProducer<Context>>,
    delivered: Arc<Delivered>,
    trouble: Trouble,
    /// Why no records are taken now.
    failure: Mutex<Option<Arc<str>>>,
    counts: Arc<Counts>,
    stopping: AtomicBool,
}

#[derive(Default)]
struct Counts {
    records: AtomicU64,
    bytes: AtomicU64,
    failed: AtomicU64,
    busy: AtomicU64,
    too_large: AtomicU64,
    unhealthy: AtomicU64,
}

struct Context {
    delivered: Arc<Delivered>,
    counts: Arc<Counts>,
    trouble: Trouble,
    /// The client can do nothing more: another has to take its place.
    is_broken: Arc<AtomicBool>,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.trouble.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::Fatal)) {
            self.is_broken.store(true, Relaxed);
        }
        self.trouble.error(error, reason);
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = usize;

    fn delivery(&self, outcome: &DeliveryResult<'_>, ticket: usize) {
        let (bytes, outcome) = match outcome {
            Ok(message) => (message.payload_len(), Ok(())),
            Err((error, message)) => {
                self.counts.failed.fetch_add(1, Relaxed);
                (message.payload_len(), Err(Arc::from(error.to_string())))
            }
        };
        if outcome.is_ok() {
            self.counts.records.fetch_add(1, Relaxed);
            self.counts.bytes.fetch_add(bytes as u64, Relaxed);
        }
        self.delivered.settle(ticket as u64, bytes, outcome);
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Log({})", self.shared.topic)
    }
}

impl Log {
    /// Connects to the topic of batches as `writer`, a name that no other has.
    ///
    /// # Errors
    /// [`Error::Kafka`] where brokers cannot be reached, refuse this client, or have no topic that was set up;
    /// [`Error::Name`] for a bad writer name.
    pub fn connect(cluster: &ClusterConfig, writer: &str) -> Result<Self, Error> {
        check_name(writer)?;
        Self::connect_to(cluster, cluster.batches(), writer)
    }

    /// The same to the topic of what happens to alerts.
    ///
    /// # Errors
    /// As [`Log::connect`].
    pub fn connect_to_alerts(cluster: &ClusterConfig, writer: &str) -> Result<Self, Error> {
        check_name(writer)?;
        Self::connect_to(cluster, cluster.alerts(), writer)
    }

    pub(super) fn connect_to(cluster: &ClusterConfig, topic: String, writer: &str) -> Result<Self, Error> {
        let (partitions, found) = layout::of_topic(cluster, &topic)?;
        super::admin::check_room(cluster, &topic)?;
        let (delivered, trouble, counts) = (Arc::<Delivered>::default(), Trouble::default(), Arc::<Counts>::default());
        let producer = producer(cluster, &delivered, &counts, &trouble)?;
        let shared = Arc::new(Shared {
            cluster: cluster.clone(),
            topic,
            writer: writer.to_owned(),
            partitions,
            found: AtomicI32::new(found),
            producer: RwLock::new(producer),
            delivered,
            trouble,
            failure: Mutex::default(),
            counts,
            stopping: AtomicBool::new(false),
        });
        let for_thread = Arc::clone(&shared);
        let watch = std::thread::Builder::new().name("queue-kafka".into()).spawn(move || for_thread.watch());
        let watch = watch.map_err(|error| Error::Kafka(format!("a thread cannot be started: {error}")))?;
        Ok(Self { shared, watch: Some(watch) })
    }

    pub(crate) fn append(&self, records: &[Record<'_>]) -> Result<Position, Error> {
        self.send(records, |record| partition_of(record, self.shared.partitions))
    }

    pub(crate) fn append_to(&self, partition: u32, records: &[Record<'_>]) -> Result<Position, Error> {
        self.send(records, |_| partition as i32)
    }

    /// How many partitions records go to.
    pub(super) fn partitions(&self) -> u32 {
        self.shared.partitions as u32
    }

    fn send(&self, records: &[Record<'_>], place: impl Fn(&Record<'_>) -> i32) -> Result<Position, Error> {
        let Shared { topic, delivered, counts, .. } = &*self.shared;
        if let Some(record) = records.iter().find(|record| record.payload.len() > MAX_PAYLOAD_BYTES) {
            counts.too_large.fetch_add(records.len() as u64, Relaxed);
            return Err(Error::TooLarge(record.payload.len()));
        }
        self.check().inspect_err(|_| _ = counts.unhealthy.fetch_add(records.len() as u64, Relaxed))?;
        let bytes = records.iter().map(Record::frame_bytes).sum();
        let Some(position) = delivered.begin(records.len() as u64, bytes, PENDING_BYTES) else {
            counts.busy.fetch_add(records.len() as u64, Relaxed);
            return Err(Error::Busy);
        };
        let producer = self.shared.producer.read().unwrap_or_else(PoisonError::into_inner);
        let mut frame = Vec::with_capacity(records.iter().map(Record::frame_bytes).max().unwrap_or(0));
        for (ticket, record) in (position.segment..).zip(records) {
            frame.clear();
            record.encode(TOPIC_SALT, &mut frame);
            let message = BaseRecord::<(), [u8], usize>::with_opaque_to(topic, ticket as usize);
            let message = message.partition(place(record)).payload(&frame).timestamp(record.received.0);
            if let Err((error, _)) = producer.send(message) {
                // It never was on its way. Those before it may arrive, and are sent again with it: the sink counts once.
                counts.failed.fetch_add(1, Relaxed);
                delivered.settle(ticket, frame.len(), Err(error.to_string().into()));
            }
        }
        Ok(position)
    }

    pub(crate) fn wait_durable(&self, position: Position) -> Result<(), Error> {
        self.shared.delivered.wait(position)
    }

    pub(crate) fn durable(&self, position: Position) -> Option<Result<(), Error>> {
        self.shared.delivered.verdict(position)
    }

    pub(crate) fn flush(&self) -> Result<(), Error> {
        let all = self.shared.delivered.all();
        let producer = self.shared.producer.read().unwrap_or_else(PoisonError::into_inner);
        producer.flush(PATIENCE).map_err(|error| self.shared.trouble.explain(&error))?;
        drop(producer);
        self.wait_durable(all)
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        match &*self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(reason) => Err(Error::Failed(reason.clone())),
            None => Ok(()),
        }
    }

    pub(crate) fn saturation(&self) -> f64 {
        self.shared.delivered.bytes() as f64 / PENDING_BYTES as f64
    }

    pub(crate) fn oldest_unsynced(&self) -> Duration {
        self.shared.delivered.oldest()
    }

    pub(crate) fn writer(&self) -> &str {
        &self.shared.writer
    }

    pub(crate) fn readings(&self) -> Vec<Reading> {
        let Shared { counts, delivered, partitions, found, .. } = &*self.shared;
        let counter = |name, count: &AtomicU64, help| Reading::counter(name, &[], count.load(Relaxed), help);
        let refused = |reason, count: &AtomicU64| {
            Reading::counter("weir_queue_refused_records_total", &[("reason", reason)], count.load(Relaxed), REFUSED)
        };
        let gauge = |name, value, help| Reading::gauge(name, &[], value, help);
        let grown = found.load(Relaxed) - partitions;
        vec![
            counter("weir_queue_records_total", &counts.records, "Records that the brokers have taken."),
            counter("weir_queue_bytes_total", &counts.bytes, "Bytes of them."),
            counter("weir_queue_unacked_records_total", &counts.failed, FAILED),
            refused("failed", &counts.unhealthy),
            refused("busy", &counts.busy),
            refused("too_large", &counts.too_large),
            gauge("weir_queue_pending_bytes", delivered.bytes() as f64, "Bytes on their way to the brokers."),
            gauge("weir_queue_oldest_unsynced_seconds", delivered.oldest().as_secs_f64(), OLDEST),
            gauge("weir_queue_healthy", f64::from(u8::from(self.check().is_ok())), HEALTHY),
            gauge("weir_queue_partitions", f64::from(*partitions), "Partitions that records go to."),
            gauge("weir_queue_unused_partitions", f64::from(grown.max(0)), UNUSED),
        ]
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Relaxed);
        if let Some(watch) = self.watch.take() {
            watch.thread().unpark();
            // A panic was reported by its own thread.
            let _ = watch.join();
        }
    }
}

impl Shared {
    /// Looks at the brokers now and then: whether they answer, what the topic has become, whether the client still works.
    fn watch(&self) {
        while !self.stopping.load(Relaxed) {
            let outcome = self.look();
            let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            match (&outcome, &*failure) {
                (Err(error), None) => tracing::error!(%error, topic = self.topic, "the queue takes no records"),
                (Ok(()), Some(_)) => tracing::info!(topic = self.topic, "the queue takes records again"),
                _ => {}
            }
            *failure = outcome.err().map(|error| error.to_string().into());
            drop(failure);
            std::thread::park_timeout(LOOK);
        }
    }

    fn look(&self) -> Result<(), Error> {
        let is_broken = {
            let producer = self.producer.read().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, reason)) = producer.client().fatal_error() {
                self.trouble.note(reason);
                true
            } else {
                producer.context().is_broken.load(Relaxed)
            }
        };
        if is_broken {
            let new = producer(&self.cluster, &self.delivered, &self.counts, &self.trouble)?;
            *self.producer.write().unwrap_or_else(PoisonError::into_inner) = new;
        }
        let producer = self.producer.read().unwrap_or_else(PoisonError::into_inner);
        let metadata = producer.client().fetch_metadata(Some(&self.topic), LOOK);
        drop(producer);
        let metadata = metadata.map_err(|error| self.trouble.explain(&error))?;
        let found = metadata.topics().first().map_or(0, |topic| topic.partitions().len() as i32);
        if found < self.partitions {
            return Err(Error::Kafka(format!("{} has {found} partitions of {}", self.topic, self.partitions)));
        }
        if self.found.swap(found, Relaxed) != found {
            let (topic, ours) = (&self.topic, self.partitions);
            tracing::warn!(topic, found, ours, "the topic was grown by hand: the new partitions stay empty");
        }
        self.trouble.take();
        Ok(())
    }
}

fn producer(
    cluster: &ClusterConfig,
    delivered: &Arc<Delivered>,
    counts: &Arc<Counts>,
    trouble: &Trouble,
) -> Result<ThreadedProducer<Context>, Error> {
    let context = Context {
        delivered: delivered.clone(),
        counts: counts.clone(),
        trouble: trouble.clone(),
        is_broken: Arc::default(),
    };
    let mut config = cluster.client();
    config
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("linger.ms", cluster.linger.as_millis().to_string())
        .set("message.timeout.ms", DELIVERY.as_millis().to_string())
        // Ours is the bound: it counts before the client does.
        .set("queue.buffering.max.kbytes", (4 * PENDING_BYTES / 1_024).to_string())
        .set("queue.buffering.max.messages", "1000000");
    config.create_with_context(context).map_err(|error| trouble.explain(&error))
}

const REFUSED: &str = "Records that the queue did not take; their senders have them still. failed: brokers do not answer, see the log; \
    busy: brokers are slower than what arrives; too_large: over a megabyte.";
const FAILED: &str =
    "Records that brokers did not take in time; their senders have them still. See the brokers' logs, and their disks.";
const OLDEST: &str = "Age of the oldest record on its way to the brokers. Seconds: brokers are slow or away.";
const HEALTHY: &str = "0 while brokers do not answer, refuse this client or lack the topic: /readyz says why. Senders keep what they have.";
const UNUSED: &str =
    "Partitions by which somebody has grown the topic. They stay empty: see docs/scale.md on how to grow.";
