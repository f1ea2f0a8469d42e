//! The partition, read from its beginning: who leads, what its files are, and when it is time to claim.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
};

use super::{
    image::Image,
    known::{Leading, Shared},
    term::Term,
    word::{What, Word},
};
use crate::{
    Error, RecordKind,
    kafka::{
        cluster::{PATIENCE, Trouble},
        layout,
    },
    record::{Frame, TOPIC_SALT},
};

/// What one reading from the beginning has found so far.
pub(super) struct Follow<'a> {
    shared: &'a Shared,
    topic: String,
    consumer: BaseConsumer<Trouble>,
    /// Offset of what comes next.
    next: i64,
    found: Found,
    /// The claim that this process has sent.
    standing: Option<Arc<Term>>,
    term: Option<Arc<Term>>,
    /// Looks at brokers that answered since anything was last heard of a leader.
    silent: u32,
    looked: Instant,
}

/// What the words of the partition come to.
#[derive(Default)]
struct Found {
    /// Whose claim is the last.
    leader: Option<String>,
    address: String,
    /// It has said that it goes.
    is_gone: bool,
    files: HashMap<String, Image>,
    /// Pages that somebody wrote who did not lead: the topic may forget what they were before.
    spoilt: BTreeSet<(String, u64)>,
}

/// How long one poll waits.
const POLL: Duration = Duration::from_millis(100);
/// Time between two beats of the leader, and between two looks of a candidate.
const BEAT: Duration = Duration::from_secs(1);
/// So many looks without a beat, and a candidate claims.
const SILENT: u32 = 5;
/// How long brokers may take to say where the partition ends.
const ASKED: Duration = Duration::from_millis(500);

impl<'a> Follow<'a> {
    pub(super) fn begin(shared: &'a Shared) -> Result<Self, Error> {
        let (topic, trouble) = (shared.cluster.alert_states(), Trouble::default());
        layout::of_topic(&shared.cluster, &topic)?;
        let mut config = shared.cluster.client();
        config
            .set("group.id", format!("{}.alerting", shared.cluster.prefix))
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error");
        let consumer: BaseConsumer<Trouble> =
            config.create_with_context(trouble.clone()).map_err(|error| trouble.explain(&error))?;
        let (low, _) = consumer.fetch_watermarks(&topic, 0, PATIENCE).map_err(|error| trouble.explain(&error))?;
        let mut places = TopicPartitionList::new();
        let placed = places.add_partition_offset(&topic, 0, Offset::Offset(low));
        placed.and_then(|()| consumer.assign(&places)).map_err(|error| trouble.explain(&error))?;
        shared.change(|state| state.trouble = None);
        let (standing, term, found) = Default::default();
        let (silent, looked) = (0, Instant::now());
        Ok(Self { shared, topic, consumer, next: low, found, standing, term, silent, looked })
    }

    /// Follows, and leads, until this process is to stop or was deposed.
    pub(super) fn run(&mut self) -> Result<(), Error> {
        while !self.shared.is_stopping() {
            self.read()?;
            if self.looked.elapsed() >= BEAT {
                self.looked = Instant::now();
                match &self.term {
                    Some(term) => term.beat(&self.shared.address)?,
                    None => self.look()?,
                }
            }
        }
        if let Some(term) = &self.term {
            term.resign();
        }
        Ok(())
    }

    /// Takes what has arrived.
    fn read(&mut self) -> Result<(), Error> {
        let mut wait = POLL;
        loop {
            let (offset, value) = match self.consumer.poll(std::mem::take(&mut wait)) {
                None | Some(Err(KafkaError::PartitionEOF(_))) => return Ok(()),
                Some(Err(error)) => {
                    tracing::debug!(%error, "the topic of alerting's states cannot be read now");
                    self.silent = 0;
                    return Ok(());
                }
                Some(Ok(message)) => (message.offset(), message.payload().unwrap_or_default().to_vec()),
            };
            self.next = offset + 1;
            let Frame::Sound(header) = Frame::decode(&value, TOPIC_SALT) else { continue };
            let record = header.record(&value);
            if record.kind == RecordKind::State
                && let Some(word) = Word::read(record.payload)
            {
                self.hear(&word)?;
            }
        }
    }

    fn hear(&mut self, word: &Word<'_>) -> Result<(), Error> {
        let ours = self.term.as_ref().or(self.standing.as_ref()).filter(|term| term.by() == word.by).cloned();
        let is_ours = ours.is_some();
        match self.found.hear(word, self.term.is_some() && is_ours) {
            Heard::Claim if is_ours => self.lead()?,
            Heard::Claim => {
                self.silent = 0;
                if let Some(term) = &self.term {
                    let reason = format!("{} leads now", word.by);
                    term.end(&reason);
                    return Err(Error::Kafka(reason));
                }
                self.tell_leader();
            }
            Heard::Beat => {
                self.silent = 0;
                self.tell_leader();
            }
            Heard::Spoilt(file, number) => {
                if let Some(term) = &self.term {
                    term.mend(&file, number)?;
                }
            }
            Heard::Nothing => {}
        }
        if let Some(ours) = ours {
            ours.seen(word.seq);
        }
        Ok(())
    }

    /// This process' claim has come back: it leads from here on.
    fn lead(&mut self) -> Result<(), Error> {
        let Some(term) = self.standing.take() else { return Ok(()) };
        let spoilt = std::mem::take(&mut self.found.spoilt).into_iter().collect();
        term.begin(std::mem::take(&mut self.found.files), spoilt)?;
        term.beat(&self.shared.address)?;
        tracing::info!(by = term.by(), "alerting is led here");
        self.term = Some(term.clone());
        self.shared.change(|state| {
            state.term = Some(term);
            state.terms += 1;
        });
        self.tell_leader();
        Ok(())
    }

    fn tell_leader(&self) {
        let Found { leader, address, is_gone, .. } = &self.found;
        let is_here = self.term.is_some();
        let address = if is_here { &self.shared.address } else { address };
        let leader = leader.as_ref().filter(|_| !is_gone && !address.is_empty());
        let leader = leader.map(|by| Leading { by: by.clone(), address: address.clone(), is_here });
        self.shared.change(|state| state.leader = leader);
    }

    /// Claims if nobody leads. Brokers that do not answer keep the leader from being heard, too.
    fn look(&mut self) -> Result<(), Error> {
        match self.consumer.fetch_watermarks(&self.topic, 0, ASKED) {
            Ok((_, end)) if end <= self.next => self.silent += 1,
            Ok(_) => self.silent = 0,
            Err(_) => self.silent = 0,
        }
        let nobody = self.found.leader.is_none() || self.found.is_gone;
        if self.standing.is_some() || self.silent == 0 || !nobody && self.silent < SILENT {
            return Ok(());
        }
        let term = Arc::new(Term::new(&self.shared.cluster)?);
        term.claim()?;
        self.standing = Some(term);
        Ok(())
    }
}

/// What a word means to whoever follows.
enum Heard {
    Claim,
    Beat,
    Spoilt(String, u64),
    Nothing,
}

impl Found {
    /// Takes a word in. The pages that this process leads with are ahead of what comes back.
    fn hear(&mut self, word: &Word<'_>, is_mine: bool) -> Heard {
        let leads = self.leader.as_deref() == Some(word.by);
        match word.what {
            What::Claim => {
                (self.leader, self.is_gone) = (Some(word.by.to_owned()), false);
                self.address.clear();
                Heard::Claim
            }
            What::Alive(address) if leads => {
                address.clone_into(&mut self.address);
                Heard::Beat
            }
            What::Gone if leads => {
                self.is_gone = true;
                Heard::Beat
            }
            What::Page { .. } if leads && is_mine => Heard::Nothing,
            What::Page { file, number, length, bytes } if leads => {
                self.files.entry(file.to_owned()).or_default().arrive(number, length, bytes);
                self.spoilt.remove(&(file.to_owned(), number));
                Heard::Nothing
            }
            What::Page { file, number, .. } => {
                self.spoilt.insert((file.to_owned(), number));
                Heard::Spoilt(file.to_owned(), number)
            }
            _ => Heard::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(found: &mut Found, by: &str, what: What<'_>) {
        found.hear(&Word { by, seq: 1, what }, false);
    }

    fn page(number: u64, byte: &[u8]) -> What<'_> {
        What::Page { file: "states", number, length: 4_097, bytes: byte }
    }

    fn first(found: &Found) -> u8 {
        let mut out = [0];
        found.files["states"].read(0, &mut out);
        out[0]
    }

    #[test]
    fn pages_count_of_whoever_claimed_last() {
        let mut found = Found::default();
        hear(&mut found, "a", page(0, b"x"));
        assert!(found.files.is_empty(), "nobody leads");
        hear(&mut found, "a", What::Claim);
        hear(&mut found, "a", page(0, b"1"));
        hear(&mut found, "b", What::Claim);
        hear(&mut found, "a", page(0, b"2"));
        assert_eq!((first(&found), found.spoilt.len()), (b'1', 1), "its claim is no longer the last");
        hear(&mut found, "a", What::Gone);
        assert!(!found.is_gone);
        hear(&mut found, "b", page(0, b"3"));
        assert_eq!((first(&found), found.spoilt.len()), (b'3', 0), "and the page is there again");
    }
}
