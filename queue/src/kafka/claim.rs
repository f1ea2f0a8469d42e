//! Who reads a partition: the last who has said so in it.
//!
//! A reader appends a claim when it starts. Whoever comes upon a claim of another that is later than its own has lost the partition, though it may not
//! have noticed: a process that was stopped and woken, or a second one of the same name. All readers see the same
//! order, so no clock and no coordinator decides.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use rdkafka::{
    ClientContext, Message,
    config::RDKafkaLogLevel,
    producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer},
};
use weir_sample::Timestamp;
use weir_wire::{AgentId, Epoch};

use super::cluster::{ClusterConfig, PATIENCE, Trouble};
use crate::{Error, Lane, Record, RecordKind, record::TOPIC_SALT};

/// The group, who claims, and how often it has: one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) group: String,
    /// Host, process and a random number: no two are alike.
    pub(super) by: String,
}

impl Claim {
    pub(super) fn of(group: &str) -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let random = std::fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap_or_default();
        let random = random.split('-').next().unwrap_or_default();
        Self { group: group.to_owned(), by: format!("{}/{}/{random}", host.trim(), std::process::id()) }
    }

    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(payload).ok()?.lines();
        Some(Self { group: lines.next()?.to_owned(), by: lines.next()?.to_owned() })
    }

    fn payload(&self) -> Vec<u8> {
        format!("{}\n{}\n", self.group, self.by).into_bytes()
    }

    /// Appends it to partitions of a topic; where each stands.
    pub(super) fn append(
        &self,
        cluster: &ClusterConfig,
        topic: &str,
        partitions: &[i32],
        now: Timestamp,
    ) -> Result<HashMap<i32, i64>, Error> {
        let context = Places::default();
        let (places, trouble) = (context.places.clone(), context.trouble.clone());
        let mut config = cluster.client();
        config.set("acks", "all").set("enable.idempotence", "true");
        config.set("message.timeout.ms", PATIENCE.as_millis().to_string());
        let producer: ThreadedProducer<Places> =
            config.create_with_context(context).map_err(|error| trouble.explain(&error))?;
        let payload = self.payload();
        let (agent, epoch) = (AgentId([0; 16]), Epoch(0));
        let (kind, lane, tenant, seq) = (RecordKind::Claim, Lane::Critical, 0, 0);
        let record = Record { kind, lane, tenant, agent, epoch, seq, received: now, payload: &payload };
        let mut frame = Vec::new();
        record.encode(TOPIC_SALT, &mut frame);
        for &partition in partitions {
            let record = BaseRecord::<(), [u8]>::to(topic).partition(partition).payload(&frame);
            producer.send(record).map_err(|(error, _)| trouble.explain(&error))?;
        }
        producer.flush(PATIENCE).map_err(|error| trouble.explain(&error))?;
        let places = std::mem::take(&mut *places.lock().unwrap_or_else(PoisonError::into_inner));
        match places.len() == partitions.len() {
            true => Ok(places),
            false => Err(Error::Kafka(trouble.text().unwrap_or_else(|| "a claim was not taken".into()))),
        }
    }
}

#[derive(Default)]
struct Places {
    places: Arc<Mutex<HashMap<i32, i64>>>,
    trouble: Trouble,
}

impl ClientContext for Places {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.trouble.log(level, facility, message);
    }

    fn error(&self, error: rdkafka::error::KafkaError, reason: &str) {
        self.trouble.error(error, reason);
    }
}

impl ProducerContext for Places {
    type DeliveryOpaque = ();

    fn delivery(&self, outcome: &DeliveryResult<'_>, (): ()) {
        match outcome {
            Ok(message) => {
                let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
                places.insert(message.partition(), message.offset());
            }
            Err((error, message)) => self.trouble.note(format!("partition {}: {error}", message.partition())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_come_back_and_no_two_are_alike() {
        let claim = Claim::of("sink");
        assert_eq!(Claim::read(&claim.payload()), Some(claim.clone()));
        assert_ne!(Claim::of("sink"), claim);
        assert_eq!(Claim::read(b"sink"), None);
    }
}
