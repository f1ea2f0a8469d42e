//! What is to be sent next.

use weir_sample::Timestamp;

use super::finish::Outcome;
use crate::core::notifier::Notifier;
use crate::keep::Error;
use crate::message::{Request, Surroundings, request};

/// One request on its way to a channel; what became of it is told to [`Notifier::finish`].
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// The notification's number.
    pub id: u64,
    /// Its key, the same at each try.
    pub key: String,
    /// Whom it tells.
    pub receiver: String,
    /// By which channel.
    pub channel: String,
    /// The request.
    pub request: Request,
}

/// What becomes of a notification whose turn it is.
enum Next {
    Send(Job),
    /// Nobody can be told of it.
    Gone,
    /// Nobody is to be told of it now.
    Quiet,
}

/// Requests in flight take no more than this, but for the first.
const MOST_BYTES: usize = 48 << 20;

impl Notifier {
    /// Requests that may go out now; each is in flight until its outcome is told.
    ///
    /// # Errors
    /// The file.
    pub fn jobs(&mut self, now: Timestamp) -> Result<Vec<Job>, Error> {
        let (mut jobs, mut gone, mut quiet) = (Vec::new(), Vec::new(), Vec::new());
        while self.in_flight.values().sum::<usize>() < MOST_BYTES && jobs.len() < MOST_JOBS {
            let Some(id) = self.lanes.take(now) else { break };
            match self.next(id, now)? {
                Next::Send(job) => {
                    self.in_flight.insert(id, size_bytes(&job.request));
                    jobs.push(job);
                }
                Next::Gone => gone.push((id, Outcome::Refused("its channel is gone from the configuration".into()))),
                Next::Quiet => quiet.push(id),
            }
        }
        self.finish(now, gone)?;
        self.withdraw(now, quiet)?;
        Ok(jobs)
    }

    fn next(&self, id: u64, now: Timestamp) -> Result<Next, Error> {
        let Some(intent) = self.store.intent(id)? else { return Ok(Next::Gone) };
        let head = &intent.head;
        if self.is_quiet_now(head, now) {
            return Ok(Next::Quiet);
        }
        let receiver = self.config.receivers.get(&head.receiver);
        let channel =
            receiver.and_then(|receiver| receiver.channels.iter().find(|channel| channel.name == head.channel));
        let around = Surroundings { templates: &self.templates, external_url: &self.settings.external_url };
        Ok(channel.map_or(Next::Gone, |channel| {
            Next::Send(Job {
                id,
                key: head.key.clone(),
                receiver: head.receiver.clone(),
                channel: head.channel.clone(),
                request: request(channel, &intent, around),
            })
        }))
    }
}

/// Handed out at once; the rest follows as these come back.
const MOST_JOBS: usize = 256;

fn size_bytes(request: &Request) -> usize {
    match request {
        Request::Http(request) => request.body.len(),
        Request::Mail(mail) => mail.text.len() + mail.html.len(),
    }
}
