//! One partition as it is read: what comes next, and whether that is known.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crc32c::crc32c;
use rdkafka::{
    Message,
    consumer::{BaseConsumer, base_consumer::PartitionQueue},
    error::{KafkaError, RDKafkaErrorCode},
};
use weir_sample::Timestamp;

use super::{claim::Claim, cluster::Trouble};
use crate::{
    Error, Position, RecordKind,
    record::{Frame, FrameHeader, TOPIC_SALT},
};

/// A partition of the topic.
pub(super) struct Partition {
    pub(super) topic: Arc<str>,
    pub(super) number: i32,
    queue: PartitionQueue<Trouble>,
    head: Option<Head>,
    /// Offset of what is to be delivered next.
    pub(super) next: i64,
    /// Checksum of the message before it; 0 if that is not known.
    before: u32,
    /// What was read before has to be there still: the first message to come is compared with it.
    verify: bool,
    /// Nothing more was there when the brokers were last heard.
    pub(super) at_end: bool,
    /// Since when it is not known whether there is more.
    pub(super) blind_since: Option<Instant>,
    /// When the last delivered record was received.
    pub(super) last: Option<Timestamp>,
    /// Where this reader's own claim stands.
    pub(super) claim: i64,
    pub(super) counts: Counts,
}

/// What was met in a partition.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    /// Messages that are no records of ours.
    pub(super) foreign: u64,
    /// Records whose payload is damaged.
    pub(super) damaged: u64,
}

/// A record that is to be delivered next.
struct Head {
    offset: i64,
    header: FrameHeader,
    frame: Vec<u8>,
}

/// A read record, handed over.
pub(super) struct Taken {
    pub(super) header: FrameHeader,
    pub(super) frame: Vec<u8>,
    pub(super) position: Position,
}

impl Partition {
    pub(super) fn new(
        topic: &Arc<str>,
        number: i32,
        queue: PartitionQueue<Trouble>,
        start: Position,
        claim: i64,
    ) -> Self {
        let (next, before) = (start.offset as i64, start.segment as u32);
        Self {
            topic: topic.clone(),
            number,
            queue,
            head: None,
            next,
            before,
            verify: before != 0,
            at_end: false,
            blind_since: None,
            last: None,
            claim,
            counts: Counts::default(),
        }
    }

    /// Where to go on: as much as tells a log that went back from one that did not.
    pub(super) fn position(&self) -> Position {
        Position { segment: self.before.into(), offset: self.next as u64 }
    }

    /// When the record that comes next was received.
    pub(super) fn received(&self) -> Option<Timestamp> {
        self.head.as_ref().map(|head| head.header.received)
    }

    /// Takes what has arrived, past what is no record; true if there is one to be delivered.
    pub(super) fn fill(&mut self, claim: &Claim, wait: Duration) -> Result<bool, Error> {
        let mut wait = wait;
        while self.head.is_none() {
            // The queue's own handle is borrowed by what it gives, so that is copied out first.
            let message = match self.queue.poll(std::mem::take(&mut wait)) {
                None => return Ok(false),
                Some(Err(error)) => return self.stumble(error).map(|()| false),
                Some(Ok(message)) => (message.offset(), message.payload().unwrap_or_default().to_vec()),
            };
            self.arrive(claim, message.0, message.1)?;
        }
        Ok(true)
    }

    fn stumble(&mut self, error: KafkaError) -> Result<(), Error> {
        use RDKafkaErrorCode::{AutoOffsetReset, OffsetOutOfRange};
        match error {
            KafkaError::PartitionEOF(_) => {
                (self.at_end, self.blind_since) = (true, None);
                Ok(())
            }
            KafkaError::MessageConsumption(AutoOffsetReset | OffsetOutOfRange) => Err(self.went_back()),
            // Whatever else keeps a client from reading it mends by itself; until then this partition is blind.
            error => {
                tracing::debug!(topic = &*self.topic, partition = self.number, %error, "a partition cannot be read now");
                self.at_end = false;
                Ok(())
            }
        }
    }

    fn arrive(&mut self, claim: &Claim, offset: i64, value: Vec<u8>) -> Result<(), Error> {
        (self.at_end, self.blind_since) = (false, None);
        let checksum = crc32c(&value);
        if std::mem::take(&mut self.verify) && offset == self.next - 1 {
            return if checksum == self.before { Ok(()) } else { Err(self.went_back()) };
        }
        if offset < self.next {
            return Ok(());
        }
        match Frame::decode(&value, TOPIC_SALT) {
            Frame::Sound(header) if header.frame_bytes() == value.len() => {
                let record = header.record(&value);
                if record.kind != RecordKind::Claim {
                    self.head = Some(Head { offset, header, frame: value });
                    return Ok(());
                }
                if let Some(other) = Claim::read(record.payload).filter(|other| other.group == claim.group)
                    && other.by != claim.by
                    && offset > self.claim
                {
                    let (topic, partition) = (self.topic.to_string(), self.number);
                    return Err(Error::Fenced { topic, partition, by: other.by });
                }
            }
            Frame::Damaged(_) => self.skip(offset, "a record is damaged", |counts| counts.damaged += 1),
            _ => self.skip(offset, "a message is no record of ours", |counts| counts.foreign += 1),
        }
        (self.next, self.before) = (offset + 1, checksum);
        Ok(())
    }

    fn skip(&mut self, offset: i64, what: &str, count: impl FnOnce(&mut Counts)) {
        if self.counts.foreign + self.counts.damaged == 0 {
            let (topic, partition) = (&*self.topic, self.number);
            tracing::warn!(topic, partition, offset, "{what}: it is skipped, and further ones are counted only");
        }
        count(&mut self.counts);
    }

    /// Hands over what is next.
    pub(super) fn take(&mut self) -> Option<Taken> {
        let Head { offset, header, frame } = self.head.take()?;
        (self.next, self.before) = (offset + 1, crc32c(&frame));
        self.last = Some(header.received);
        Some(Taken { header, frame, position: self.position() })
    }

    /// Begins anew with the message at an offset.
    pub(super) fn begin_at(&mut self, offset: i64) {
        (self.next, self.before, self.verify, self.head) = (offset, 0, false, None);
        (self.at_end, self.last) = (false, None);
    }

    pub(super) fn went_back(&self) -> Error {
        Error::WentBack { topic: self.topic.to_string(), partition: self.number, next: self.next }
    }

    pub(super) fn lost(&self, first: i64) -> Error {
        Error::Lost { topic: self.topic.to_string(), partition: self.number, next: self.next, first }
    }
}

/// Where reading begins: one before what is next if there is something to compare, so that it comes again.
pub(super) fn first_to_read(start: Position, low: i64) -> i64 {
    let next = start.offset as i64;
    if start.segment != 0 && next > low { next - 1 } else { next }
}

/// A consumer whose partitions have queues of their own.
pub(super) type Consumer = BaseConsumer<Trouble>;
