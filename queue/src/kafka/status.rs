//! How far a group is, for whoever asks: what it has committed, beside what the partitions have.

use std::time::Duration;

use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};
use weir_sample::Timestamp;

use super::{
    cluster::{ClusterConfig, PATIENCE, Trouble},
    layout,
};
use crate::{
    Error, Share,
    record::{Frame, TOPIC_SALT},
};

/// One partition, and how far its reader is.
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionStatus {
    /// Its number.
    pub partition: i32,
    /// Offset of the first record that is still there.
    pub first: i64,
    /// Offset of the next record that will be appended.
    pub end: i64,
    /// Offset of the next record that the group will read; `None` if nobody has read yet.
    pub next: Option<i64>,
    /// When that record was received; `None` if all are read.
    pub oldest_unread: Option<Timestamp>,
    /// Who reads it, as it said itself: host, process, and a number of its own.
    pub owner: Option<String>,
    /// Where its claim stands: a later one takes the partition from it.
    pub epoch: Option<i64>,
    /// Its reader's share of the partitions.
    pub share: Option<Share>,
}

/// Every partition of the topic of batches, for a group.
///
/// # Errors
/// What brokers say.
pub fn status(cluster: &ClusterConfig, group: &str) -> Result<Vec<PartitionStatus>, Error> {
    let topic = cluster.batches();
    let (_, found) = layout::of_topic(cluster, &topic)?;
    let trouble = Trouble::default();
    let mut config = cluster.client();
    config.set("group.id", format!("{}.{group}", cluster.prefix)).set("enable.auto.commit", "false");
    let consumer: BaseConsumer<Trouble> =
        config.create_with_context(trouble.clone()).map_err(|error| trouble.explain(&error))?;
    let mut asked = TopicPartitionList::new();
    asked.add_partition_range(&topic, 0, found - 1);
    let committed = consumer.committed_offsets(asked, PATIENCE).map_err(|error| trouble.explain(&error))?;
    let mut all = Vec::new();
    for element in committed.elements() {
        let partition = element.partition();
        let ends = consumer.fetch_watermarks(&topic, partition, PATIENCE);
        let (first, end) = ends.map_err(|error| trouble.explain(&error))?;
        let next = if let Offset::Offset(next) = element.offset() { Some(next) } else { None };
        let mut said = element.metadata().split(' ').filter(|text| !text.is_empty());
        let (owner, epoch, share) = (said.next(), said.next(), said.next());
        let unread = next.filter(|next| *next < end).map(|next| next.max(first));
        all.push(PartitionStatus {
            partition,
            first,
            end,
            next,
            oldest_unread: unread.and_then(|offset| received(&consumer, &topic, partition, offset)),
            owner: owner.map(str::to_owned),
            epoch: epoch.and_then(|epoch| epoch.parse().ok()),
            share: share.and_then(|share| share.parse().ok()),
        });
    }
    Ok(all)
}

/// When the record at an offset was received.
fn received(consumer: &BaseConsumer<Trouble>, topic: &str, partition: i32, offset: i64) -> Option<Timestamp> {
    let mut wanted = TopicPartitionList::new();
    wanted.add_partition_offset(topic, partition, Offset::Offset(offset)).ok()?;
    consumer.assign(&wanted).ok()?;
    let found = consumer.poll(Duration::from_secs(2))?.ok()?;
    let time = match Frame::decode(found.payload()?, TOPIC_SALT) {
        Frame::Sound(header) => Some(header.received),
        _ => found.timestamp().to_millis().map(Timestamp),
    };
    consumer.unassign().ok()?;
    time
}
