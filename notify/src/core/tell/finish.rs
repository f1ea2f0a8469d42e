//! What became of requests.

use std::time::Duration;

use weir_sample::Timestamp;

use crate::core::lanes::Waiting;
use crate::core::notifier::Notifier;
use crate::keep::{DeadLetter, Error, IntentHead, LogEntry, Sent, Write};

/// What became of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The channel took it.
    Told,
    /// It may work later.
    Failed {
        /// The time that the channel asks for.
        after: Option<Duration>,
        /// What went wrong.
        why: String,
    },
    /// It will never work; with what the channel said.
    Refused(String),
}

/// So long it is tried; then it is a dead letter.
const PATIENCE: Duration = Duration::from_secs(3 * 86_400);
/// More dead letters than this push the oldest out.
const MOST_LETTERS: u64 = 10_000;

impl Notifier {
    /// Takes note of what became of requests, in one transaction.
    ///
    /// # Errors
    /// The file; the requests are then sent again after it is opened anew, with the same keys.
    pub fn finish(&mut self, now: Timestamp, outcomes: Vec<(u64, Outcome)>) -> Result<(), Error> {
        if outcomes.is_empty() {
            return Ok(());
        }
        let (mut log, mut settled) = (Vec::new(), Vec::new());
        let write = self.store.write()?;
        let mut letters = self.store.dead_letter_count()?;
        for (id, outcome) in outcomes {
            self.in_flight.remove(&id);
            let (Some(waiting), Some(head)) = (self.lanes.waiting.get(&id).cloned(), self.store.intent_head(id)?)
            else {
                continue;
            };
            let outcome = out_of_patience(outcome, &head, now);
            match &outcome {
                Outcome::Failed { after, why } => {
                    self.lanes.failed(id, now, *after, why);
                    continue;
                }
                Outcome::Told => write.forget_intent(id)?,
                Outcome::Refused(why) => {
                    let Some(intent) = self.store.intent(id)? else { continue };
                    write.bury(&DeadLetter { id, sent: sent(&head, &waiting, now, why) }, &intent)?;
                    letters += 1;
                    if letters > MOST_LETTERS {
                        write.drop_oldest_letter()?;
                        letters -= 1;
                    }
                }
            }
            // It came late: what has changed since is told at once.
            let group = if waiting.tries > 1 { self.group_of(&head) } else { None };
            log.push(note(&write, id, head, &waiting, &outcome, now)?);
            settled.push((id, group, outcome));
        }
        write.commit()?;
        for (name, entry) in log {
            self.log.insert(name, entry);
        }
        for (id, group, outcome) in settled {
            match outcome {
                Outcome::Refused(why) => drop(self.lanes.refused(id, &why)),
                _ => drop(self.lanes.told(id, now)),
            }
            if let Some(group) = group {
                self.groups.flush_at(group, now);
            }
        }
        Ok(())
    }
}

/// The log takes a refused one as told, so that it is not made again until something changes or the repeat interval has passed.
fn note(
    write: &Write,
    id: u64,
    head: IntentHead,
    waiting: &Waiting,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<(String, LogEntry), Error> {
    let why = if let Outcome::Refused(why) = outcome { why.as_str() } else { "" };
    write.put_history(id, &sent(&head, waiting, now, why))?;
    let entry = LogEntry { sent_ms: now.millis(), firing: head.firing, resolved: head.resolved };
    write.put_log(&waiting.log_name, &entry)?;
    Ok((waiting.log_name.clone(), entry))
}

fn out_of_patience(outcome: Outcome, head: &IntentHead, now: Timestamp) -> Outcome {
    match outcome {
        Outcome::Failed { why, .. } if now.since(Timestamp(head.created_ms)) > PATIENCE => {
            Outcome::Refused(format!("not taken within 3 days; the last try: {why}"))
        }
        other => other,
    }
}

pub(super) fn sent(head: &IntentHead, waiting: &Waiting, now: Timestamp, why: &str) -> Sent {
    Sent {
        at_ms: now.millis(),
        key: head.key.clone(),
        tenant: head.tenant,
        receiver: head.receiver.clone(),
        channel: head.channel.clone(),
        group_labels: head.group_labels.clone(),
        common_labels: head.common_labels.clone(),
        mixed: head.mixed.clone(),
        reason: head.reason,
        firing: head.firing.len(),
        resolved: head.resolved.len(),
        tries: waiting.tries,
        refused: why.to_owned(),
    }
}
