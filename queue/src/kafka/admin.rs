//! What is done once, by hand: the topics are made.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::Thread,
    time::Duration,
};

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication},
    types::RDKafkaErrorCode,
};

use super::{
    cluster::{ClusterConfig, MESSAGE_BYTES, PATIENCE, Trouble},
    layout,
};
use crate::{Error, MAX_PAYLOAD_BYTES};

/// How topics are made.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Partitions of the topics of batches and partials: at least as many as there will ever be sinks.
    pub partitions: i32,
    /// Copies of each on different brokers.
    pub replicas: i32,
    /// How long records are kept, whoever has read them.
    pub retention: Duration,
}

/// What a topic is after [`setup`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The topic.
    pub topic: String,
    /// Whether it was made now, or was there.
    pub is_new: bool,
    /// Its partitions, as senders are spread over them.
    pub partitions: i32,
}

/// Makes the topics that are not there. Those that are stay as they are.
///
/// # Errors
/// What brokers say, or a topic that cannot be used.
pub fn setup(cluster: &ClusterConfig, shape: Shape) -> Result<Vec<Setup>, Error> {
    let layouts = cluster.layouts();
    let layouts_are_new = make(cluster, &layouts, Shape { partitions: 1, ..shape }, &[("cleanup.policy", "compact")])?;
    let (retention, largest) = (shape.retention.as_millis().to_string(), MESSAGE_BYTES.to_string());
    // What is in a record is packed already.
    let settings =
        [("retention.ms", retention.as_str()), ("max.message.bytes", &largest), ("compression.type", "uncompressed")];
    let mut all = vec![Setup { topic: layouts, is_new: layouts_are_new, partitions: 1 }];
    // Alerts have one order.
    let one = Shape { partitions: 1, ..shape };
    let states = (cluster.alert_states(), one, &STATES[..]);
    for (topic, shape, settings) in [
        (cluster.batches(), shape, &settings[..]),
        (cluster.partials(), shape, &settings),
        (cluster.alerts(), one, &settings),
        states,
    ] {
        let is_new = make(cluster, &topic, shape, settings)?;
        if is_new || !layout::read(cluster)?.contains_key(&topic) {
            layout::write(cluster, &topic, shape.partitions)?;
        }
        if topic != cluster.alert_states() {
            check_room(cluster, &topic)?;
        }
        let (partitions, _) = layout::of_topic(cluster, &topic)?;
        all.push(Setup { topic, is_new, partitions });
    }
    Ok(all)
}

/// Of a page of states the last is kept. What is young stays, so that whoever leads can write again what another has
/// spoilt (`leader/`).
const STATES: [(&str, &str); 4] = [
    ("cleanup.policy", "compact"),
    ("min.compaction.lag.ms", "600000"),
    ("segment.ms", "3600000"),
    ("min.cleanable.dirty.ratio", "0.1"),
];

/// Makes a topic; false if it is there.
fn make(cluster: &ClusterConfig, topic: &str, shape: Shape, settings: &[(&str, &str)]) -> Result<bool, Error> {
    let (admin, trouble) = client(cluster)?;
    let mut new = NewTopic::new(topic, shape.partitions, TopicReplication::Fixed(shape.replicas));
    // One copy may be away, and no more, or nothing would be kept twice.
    let in_sync = (shape.replicas - 1).max(1).to_string();
    new = new.set("min.insync.replicas", &in_sync);
    for (name, value) in settings {
        new = new.set(name, value);
    }
    let made = wait(admin.create_topics([&new], &options())).map_err(|error| trouble.explain(&error))?;
    match made.into_iter().next() {
        Some(Ok(_)) => Ok(true),
        Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(false),
        Some(Err((_, RDKafkaErrorCode::InvalidReplicationFactor))) => Err(Error::Kafka(format!(
            "{topic} cannot have {} copies: there are fewer brokers. Give --replicas 1 where one broker is all there is",
            shape.replicas
        ))),
        Some(Err((_, code))) => Err(Error::Kafka(format!("{topic} cannot be made: {code}"))),
        None => Err(Error::Kafka(format!("{topic} cannot be made: no answer"))),
    }
}

/// Refuses a topic that would refuse our largest records: they would stop a sender for ever.
pub(super) fn check_room(cluster: &ClusterConfig, topic: &str) -> Result<(), Error> {
    let (admin, trouble) = client(cluster)?;
    let found = wait(admin.describe_configs([&ResourceSpecifier::Topic(topic)], &options()));
    let found = found.map_err(|error| trouble.explain(&error))?;
    let Some(Ok(resource)) = found.into_iter().next() else { return Ok(()) };
    let most = resource.get("max.message.bytes").and_then(|entry| entry.value.as_ref()?.parse::<usize>().ok());
    match most {
        Some(most) if most < MAX_PAYLOAD_BYTES + (4 << 10) => Err(Error::Kafka(format!(
            "{topic} takes messages of {most} bytes, and records have up to {MAX_PAYLOAD_BYTES}: set its max.message.bytes to {MESSAGE_BYTES}"
        ))),
        _ => Ok(()),
    }
}

pub(super) fn client(cluster: &ClusterConfig) -> Result<(AdminClient<Trouble>, Trouble), Error> {
    let trouble = Trouble::default();
    let client = cluster.client().create_with_context(trouble.clone()).map_err(|error| trouble.explain(&error))?;
    Ok((client, trouble))
}

pub(super) fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE))
}

/// Waits for an answer of the client's own threads.
pub(super) fn wait<T>(answer: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut answer = pin!(answer);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match answer.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => std::thread::park(),
        }
    }
}
