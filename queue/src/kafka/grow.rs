//! More partitions for topics in use: a plan first, and then only what moves no sender to another sink.
//!
//! A sender's partition is its hash divided by their number. Where the new number is a multiple of the old, and the old one of
//! the number of sinks, the remainder by the number of sinks stays, and with it the sink that knows what was counted.

use std::time::Duration;

use rdkafka::{
    admin::NewPartitions,
    consumer::{BaseConsumer, Consumer},
};

use super::{
    admin::{check_room, client, options, wait},
    cluster::{ClusterConfig, PATIENCE, Trouble},
    layout,
    status::status,
};
use crate::{Error, Share};

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    /// Topics with their partitions now.
    pub topics: Vec<(String, i32)>,
    /// Partitions that each is to have.
    pub to: i32,
    /// Groups of sinks, and how many shares each has.
    pub groups: Vec<(String, u32)>,
}

/// Looks whether topics can have so many partitions.
///
/// # Errors
/// Senders would move; or what brokers say.
pub fn plan_growth(cluster: &ClusterConfig, to: i32) -> Result<Growth, Error> {
    let mut topics = Vec::new();
    for topic in [cluster.batches(), cluster.partials()] {
        let (ours, _) = layout::of_topic(cluster, &topic)?;
        topics.push((topic, ours));
    }
    let mut groups = Vec::new();
    for group in groups_of(cluster)? {
        let shares = status(cluster, &group)?.into_iter().filter_map(|partition| partition.share);
        groups.extend(shares.map(|share| share.of).max().map(|of| (group, of)));
    }
    let growth = Growth { topics, to, groups };
    growth.check().map_err(Error::Kafka)?;
    Ok(growth)
}

/// Gives the topics their partitions. Whoever runs goes on with those that there were until it is started again.
///
/// # Errors
/// What brokers say; what was done stays, and the rest is done by the next try.
pub fn grow(cluster: &ClusterConfig, growth: &Growth) -> Result<(), Error> {
    let (admin, trouble) = client(cluster)?;
    for (topic, _) in &growth.topics {
        let (_, found) = layout::of_topic(cluster, topic)?;
        if found < growth.to {
            let wanted = NewPartitions::new(topic, growth.to as usize);
            let made = wait(admin.create_partitions([&wanted], &options())).map_err(|error| trouble.explain(&error))?;
            if let Some(Err((_, code))) = made.into_iter().next() {
                return Err(Error::Kafka(format!("{topic} cannot have {} partitions: {code}", growth.to)));
            }
        }
        check_room(cluster, topic)?;
    }
    // Partials first: a sink that has read of more batches must find their owners.
    growth.topics.iter().rev().try_for_each(|(topic, _)| layout::write(cluster, topic, growth.to))
}

impl Growth {
    fn check(&self) -> Result<(), String> {
        let to = self.to;
        for (topic, ours) in &self.topics {
            if to <= *ours || to % ours != 0 {
                let next: Vec<String> = (2..=4).map(|times| (ours * times).to_string()).collect();
                return Err(format!(
                    "{topic} has {ours} partitions, and {to} is no multiple: senders would change partitions. Take {}",
                    next.join(", ")
                ));
            }
            if let Some((group, of)) = self.groups.iter().find(|(_, of)| ours % *of as i32 != 0) {
                return Err(format!(
                    "group {group} has {of} sinks, which do not divide the {ours} partitions of {topic}: senders would change sinks. \
                     Start a new group whose number of sinks does, let it read what the topic has, and retire {group}"
                ));
            }
        }
        Ok(())
    }
}

/// Groups that have read from topics of this prefix.
fn groups_of(cluster: &ClusterConfig) -> Result<Vec<String>, Error> {
    let trouble = Trouble::default();
    let consumer: BaseConsumer<Trouble> =
        cluster.client().create_with_context(trouble.clone()).map_err(|error| trouble.explain(&error))?;
    let list = consumer.fetch_group_list(None, PATIENCE).map_err(|error| {
        let _ = consumer.poll(Duration::from_millis(50));
        trouble.explain(&error)
    })?;
    let prefix = format!("{}.", cluster.prefix);
    let names = list.groups().iter().filter_map(|group| group.name().strip_prefix(&prefix));
    Ok(names.map(str::to_owned).collect())
}

/// Whether a store that has read these partitions may read those: its own, and what they have grown by.
pub(super) fn may_follow(share: Share, read: &[i32], ours: i32) -> bool {
    let of = share.of as i32;
    let before = |earlier: i32| (0..earlier).filter(|number| share.has(*number as u32)).collect::<Vec<_>>();
    // What is as it was needs no reason, however it divides.
    before(ours) == read
        || (of..=ours).any(|earlier| ours % earlier == 0 && earlier % of == 0 && before(earlier) == read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn growth(ours: i32, to: i32, of: u32) -> Result<(), String> {
        Growth { topics: vec![("t".into(), ours)], to, groups: vec![("g".into(), of)] }.check()
    }

    #[test]
    fn only_what_moves_nobody_is_done() {
        growth(8, 16, 4).unwrap();
        growth(8, 24, 1).unwrap();
        assert!(growth(8, 12, 4).unwrap_err().contains("Take 16, 24, 32"));
        assert!(growth(8, 8, 1).is_err() && growth(8, 4, 1).is_err());
        assert!(growth(8, 16, 3).unwrap_err().contains("senders would change sinks"));
        // That is why.
        for (ours, to, of) in [(8, 16, 4), (8, 24, 2), (6, 12, 3)] {
            (0..1_000_u64).for_each(|hash| assert_eq!(hash % ours % of, hash % to % of));
        }
    }

    #[test]
    fn a_store_follows_its_share_into_a_larger_topic_and_no_other() {
        let share = |index, of| Share { index, of };
        assert!(may_follow(share(1, 4), &[1, 5], 8) && may_follow(share(1, 4), &[1, 5], 16));
        assert!(may_follow(share(0, 1), &[0, 1, 2], 6));
        assert!(may_follow(share(0, 3), &[0, 3], 4) && may_follow(share(2, 3), &[2, 5], 8), "a share as it was");
        assert!(!may_follow(share(1, 2), &[1, 5], 16) && !may_follow(share(1, 4), &[1, 9], 16));
        assert!(!may_follow(share(1, 3), &[1, 4, 7], 16), "of 8 partitions by three");
        assert!(!may_follow(share(1, 4), &[1, 5], 12), "no multiple");
    }
}
