//! How many partitions a topic has for us: what was written when it was made, whatever an operator has done since.
//!
//! A sender's partition follows from their number. Were it taken from what brokers say, growing a topic would move
//! senders away from whoever remembers what was counted of them.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    producer::{BaseProducer, BaseRecord, Producer},
};
use xxhash_rust::xxh3::xxh3_64;

use super::cluster::{ClusterConfig, PATIENCE, Trouble};
use crate::{Error, Record};

/// The partition of a record among so many.
pub(super) fn partition_of(record: &Record<'_>, partitions: i32) -> i32 {
    let mut key = [0; 20];
    key[..4].copy_from_slice(&record.tenant.to_le_bytes());
    key[4..].copy_from_slice(&record.agent.0);
    (xxh3_64(&key) % partitions.max(1) as u64) as i32
}

/// Writes down how many partitions a topic has.
pub(super) fn write(cluster: &ClusterConfig, topic: &str, partitions: i32) -> Result<(), Error> {
    let trouble = Trouble::default();
    let producer: BaseProducer =
        cluster.client().set("acks", "all").create().map_err(|error| trouble.explain(&error))?;
    let (layouts, number) = (cluster.layouts(), partitions.to_string());
    let record = BaseRecord::to(&layouts).partition(0).key(topic).payload(&number);
    producer.send(record).map_err(|(error, _)| trouble.explain(&error))?;
    producer.flush(PATIENCE).map_err(|error| trouble.explain(&error))
}

/// How many partitions topics have for us.
pub(super) fn read(cluster: &ClusterConfig) -> Result<HashMap<String, i32>, Error> {
    let trouble = Trouble::default();
    let mut config = cluster.client();
    config.set("group.id", "weir-layout").set("enable.auto.commit", "false").set("enable.partition.eof", "true");
    let consumer: BaseConsumer<Trouble> =
        config.create_with_context(trouble.clone()).map_err(|error| trouble.explain(&error))?;
    let layouts = cluster.layouts();
    let metadata = consumer.fetch_metadata(Some(&layouts), PATIENCE).map_err(|error| {
        // What it has to say of its connections comes when it is polled.
        let _ = consumer.poll(Duration::from_millis(50));
        trouble.explain(&error)
    })?;
    if metadata.topics().iter().all(|topic| topic.partitions().is_empty()) {
        return Err(missing(&layouts));
    }
    let mut wanted = TopicPartitionList::new();
    wanted.add_partition_offset(&layouts, 0, Offset::Beginning).map_err(|error| trouble.explain(&error))?;
    consumer.assign(&wanted).map_err(|error| trouble.explain(&error))?;
    let (mut found, until) = (HashMap::new(), Instant::now() + PATIENCE);
    while Instant::now() < until {
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => {
                let text = |bytes: Option<&[u8]>| std::str::from_utf8(bytes?).ok().map(str::to_owned);
                let number = text(message.payload()).and_then(|text| text.parse::<i32>().ok());
                found.extend(text(message.key()).zip(number.filter(|number| *number > 0)));
            }
            Some(Err(rdkafka::error::KafkaError::PartitionEOF(_))) => return Ok(found),
            Some(Err(_)) | None => {}
        }
    }
    Err(Error::Kafka(trouble.text().unwrap_or_else(|| format!("{layouts} cannot be read"))))
}

/// How many partitions a topic has for us, and how many it has.
pub(super) fn of_topic(cluster: &ClusterConfig, topic: &str) -> Result<(i32, i32), Error> {
    let ours = read(cluster)?.get(topic).copied().ok_or_else(|| missing(topic))?;
    let trouble = Trouble::default();
    let consumer: BaseConsumer<Trouble> =
        cluster.client().create_with_context(trouble.clone()).map_err(|error| trouble.explain(&error))?;
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).map_err(|error| trouble.explain(&error))?;
    let theirs = metadata.topics().first().map_or(0, |topic| topic.partitions().len() as i32);
    match theirs < ours {
        true if theirs == 0 => Err(missing(topic)),
        true => Err(Error::Kafka(format!(
            "{topic} was made with {ours} partitions and has {theirs}: it was made anew by hand. Delete it and run `weir kafka setup`"
        ))),
        false => Ok((ours, theirs)),
    }
}

fn missing(topic: &str) -> Error {
    Error::Kafka(format!("there is no topic {topic}: run `weir kafka setup` once"))
}

#[cfg(test)]
mod tests {
    use weir_sample::Timestamp;
    use weir_wire::{AgentId, Epoch};

    use super::*;
    use crate::{Lane, RecordKind};

    #[test]
    fn a_sender_has_one_partition_for_ever_and_senders_are_spread() {
        let partition = |tenant: u32, agent: u128, seq| {
            let (kind, lane, agent) = (RecordKind::Batch, Lane::Normal, AgentId(agent.to_le_bytes()));
            let record =
                Record { kind, lane, tenant, agent, epoch: Epoch(1), seq, received: Timestamp(1), payload: b"" };
            partition_of(&record, 32)
        };
        // These are on disks and in topics: never to change.
        assert_eq!(
            [partition(0, 1, 1), partition(0, 2, 1), partition(7, 1, 1)],
            [partition(0, 1, 9), partition(0, 2, 9), partition(7, 1, 9)]
        );
        let mut filled = [0; 32];
        (0..32_000).for_each(|agent| filled[partition(0, agent, 0) as usize] += 1);
        assert!(filled.iter().all(|count| (850..1_150).contains(count)), "{filled:?}");
    }
}
