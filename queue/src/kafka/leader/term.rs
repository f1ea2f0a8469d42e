//! The time for which a process leads: its files, each of them safe in the topic when a sync returns.

use std::{
    collections::HashMap,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer},
};
use weir_sample::Timestamp;
use weir_wire::{AgentId, Epoch};

use super::{
    image::Image,
    word::{What, Word},
};
use crate::{
    Error, Lane, Record, RecordKind,
    kafka::{
        claim::Claim,
        cluster::{ClusterConfig, PATIENCE, Trouble},
    },
    record::TOPIC_SALT,
};

/// One such time. When it is [over](Term::over) nothing of it can be written any more.
pub struct Term {
    /// Host, process and a random number: no two terms are alike, since what one has on its way may come when it is over.
    by: String,
    topic: String,
    producer: ThreadedProducer<Sent>,
    trouble: Trouble,
    is_broken: Arc<AtomicBool>,
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Default)]
struct Inner {
    files: HashMap<String, Image>,
    /// Words sent, and how many of them have come back.
    sent: u64,
    seen: u64,
    over: Option<String>,
}

impl std::fmt::Debug for Term {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Term({})", self.by)
    }
}

impl Term {
    pub(super) fn new(cluster: &ClusterConfig) -> Result<Self, Error> {
        let (trouble, is_broken) = (Trouble::default(), Arc::<AtomicBool>::default());
        let mut config = cluster.client();
        config
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("linger.ms", "0")
            // Pages are not packed, and a sync waits for as long as brokers are away.
            .set("compression.codec", "lz4")
            .set("message.timeout.ms", "0");
        let context = Sent { trouble: trouble.clone(), is_broken: is_broken.clone() };
        let producer = config.create_with_context(context).map_err(|error| trouble.explain(&error))?;
        let (by, inner, changed) = (Claim::of("alerting").by, Mutex::default(), Condvar::new());
        Ok(Self { by, topic: cluster.alert_states(), producer, trouble, is_broken, inner, changed })
    }

    pub(super) fn by(&self) -> &str {
        &self.by
    }

    /// Why this process leads no longer, if so.
    pub fn over(&self) -> Option<String> {
        self.inner().over.clone()
    }

    /// How long a file is; one that never was is empty.
    pub fn length(&self, file: &str) -> u64 {
        self.inner().files.get(file).map_or(0, Image::length)
    }

    /// Fills `out` from a file; false if it ends before that.
    pub fn read(&self, file: &str, offset: u64, out: &mut [u8]) -> bool {
        self.inner().files.get(file).map_or(out.is_empty(), |image| image.read(offset, out))
    }

    /// Changes a file; the topic has it after [`Term::sync`].
    pub fn write(&self, file: &str, offset: u64, data: &[u8]) {
        self.inner().files.entry(file.to_owned()).or_default().write(offset, data);
    }

    /// Makes a file so long.
    pub fn set_length(&self, file: &str, length: u64) {
        self.inner().files.entry(file.to_owned()).or_default().set_length(length);
    }

    /// Returns when everything that was written is in the topic, before anybody else's claim.
    ///
    /// # Errors
    /// [`Error::Kafka`] if this process leads no longer.
    pub fn sync(&self, file: &str) -> Result<(), Error> {
        let mut inner = self.inner();
        self.check(&inner)?;
        let Some(dirty) = inner.files.get_mut(file).map(Image::take_dirty) else { return Ok(()) };
        let mut told = inner.sent;
        for number in dirty {
            told = self.tell_page(&mut inner, file, number)?;
        }
        while inner.seen < told {
            self.check(&inner)?;
            let waited = self.changed.wait_timeout(inner, LOOK);
            inner = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        self.check(&inner)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self, inner: &Inner) -> Result<(), Error> {
        match &inner.over {
            None => Ok(()),
            Some(reason) => Err(Error::Kafka(format!("alerting is led here no longer: {reason}"))),
        }
    }

    /// Sends a page as it is now; its number among what was sent. One that cannot be sent is dirty again.
    fn tell_page(&self, inner: &mut Inner, file: &str, number: u64) -> Result<u64, Error> {
        let Some(image) = inner.files.get(file) else { return Ok(inner.sent) };
        let (length, bytes) = (image.length(), image.page(number).to_vec());
        let outcome = self.send(inner, What::Page { file, number, length, bytes: &bytes });
        if outcome.is_err()
            && let Some(image) = inner.files.get_mut(file)
        {
            image.mark(number);
        }
        outcome
    }

    fn send(&self, inner: &mut Inner, what: What<'_>) -> Result<u64, Error> {
        let word = Word { by: &self.by, seq: inner.sent + 1, what };
        let (key, payload) = (word.key(), word.payload());
        let (kind, lane, tenant, received) = (RecordKind::State, Lane::Critical, 0, Timestamp(0));
        let (agent, epoch) = (AgentId([0; 16]), Epoch(0));
        let record = Record { kind, lane, tenant, agent, epoch, seq: word.seq, received, payload: &payload };
        let mut frame = Vec::new();
        record.encode(TOPIC_SALT, &mut frame);
        let mut message = BaseRecord::to(&self.topic).partition(0).key(key.as_str()).payload(&frame);
        loop {
            match self.producer.send(message) {
                Ok(()) => break,
                Err((error, back)) => match error.rdkafka_error_code() {
                    Some(RDKafkaErrorCode::QueueFull) if inner.over.is_none() => message = back,
                    _ => return Err(self.trouble.explain(&error)),
                },
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        inner.sent += 1;
        Ok(inner.sent)
    }

    /// Says that this process wants to lead.
    pub(super) fn claim(&self) -> Result<(), Error> {
        let mut inner = self.inner();
        self.send(&mut inner, What::Claim).map(drop)
    }

    /// Says that it still does, unless what it said before is still on its way.
    pub(super) fn beat(&self, address: &str) -> Result<(), Error> {
        if self.is_broken.load(Relaxed) {
            return Err(Error::Kafka(self.trouble.text().unwrap_or_else(|| "the client gave up".into())));
        }
        let mut inner = self.inner();
        if inner.seen < inner.sent {
            return Ok(());
        }
        self.send(&mut inner, What::Alive(address)).map(drop)
    }

    /// Takes over what the earlier leader's files are, and writes again what was written after it was none any more.
    pub(super) fn begin(&self, files: HashMap<String, Image>, spoilt: Vec<(String, u64)>) -> Result<(), Error> {
        self.inner().files = files;
        spoilt.into_iter().try_for_each(|(file, number)| self.mend(&file, number))
    }

    /// Writes a page again: another wrote it who does not lead.
    pub(super) fn mend(&self, file: &str, number: u64) -> Result<(), Error> {
        self.tell_page(&mut self.inner(), file, number).map(drop)
    }

    /// A word of this term has come back.
    pub(super) fn seen(&self, seq: u64) {
        self.inner().seen = seq;
        self.changed.notify_all();
    }

    pub(super) fn end(&self, reason: &str) {
        self.inner().over.get_or_insert_with(|| reason.to_owned());
        self.changed.notify_all();
    }

    /// Says that it leads no longer.
    pub(super) fn resign(&self) {
        self.end("this process has resigned");
        let sent = self.send(&mut self.inner(), What::Gone);
        if sent.is_ok() {
            // Others find out anyway, only later.
            let _ = self.producer.flush(PATIENCE / 5);
        }
    }
}

/// Time between two looks at whether a sync has become pointless.
const LOOK: Duration = Duration::from_millis(100);

struct Sent {
    trouble: Trouble,
    is_broken: Arc<AtomicBool>,
}

impl ClientContext for Sent {
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

impl ProducerContext for Sent {
    type DeliveryOpaque = ();

    fn delivery(&self, outcome: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = outcome {
            // None is given up for lack of time: this one was refused, and what comes after it would leave a hole.
            self.trouble.note(format!("a page was refused: {error}"));
            self.is_broken.store(true, Relaxed);
        }
    }
}
