//! How the rest of the process speaks to the notifier.

use tokio::sync::{mpsc, oneshot};
use weir_alert::event::Event;
use weir_alert::routing::Config;
use weir_alert::template::Templates;
use weir_sample::Timestamp;

use crate::core::Notifier;

pub(super) type Question = Box<dyn FnOnce(&mut Notifier, Timestamp) + Send>;

pub(super) enum Command {
    Events { events: Vec<Event>, position: Option<Vec<u8>>, done: oneshot::Sender<()> },
    Routes { routes: Box<(Config, Templates)>, done: oneshot::Sender<()> },
    Ask(Question),
}

/// The notifier's file cannot be used now, or it has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the notifier cannot answer now: its state file fails or it is stopping; it tries again by itself")]
pub struct Unavailable;

/// A way to a running notifier. It stops when the last of these is gone.
#[derive(Clone)]
pub struct Handle {
    pub(super) commands: mpsc::Sender<Command>,
}

impl Handle {
    /// Hands events over; when this returns, they are safe in the notifier's file, with the position.
    ///
    /// # Errors
    /// They are not; hand them over again.
    pub async fn tell(&self, events: Vec<Event>, position: Option<Vec<u8>>) -> Result<(), Unavailable> {
        let (done, safe) = oneshot::channel();
        self.commands.send(Command::Events { events, position, done }).await.map_err(|_| Unavailable)?;
        safe.await.map_err(|_| Unavailable)
    }

    /// Puts another configuration in force. It stays so, whatever becomes of the notifier's file.
    ///
    /// # Errors
    /// The notifier has stopped.
    pub async fn configure(&self, config: Config, templates: Templates) -> Result<(), Unavailable> {
        let (done, in_force) = oneshot::channel();
        let routes = Box::new((config, templates));
        self.commands.send(Command::Routes { routes, done }).await.map_err(|_| Unavailable)?;
        in_force.await.map_err(|_| Unavailable)
    }

    /// Asks or changes something, between two steps of the notifier.
    ///
    /// # Errors
    /// It cannot be asked now.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Notifier, Timestamp) -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        let (done, answer) = oneshot::channel();
        let question: Question = Box::new(move |notifier, now| drop(done.send(question(notifier, now))));
        self.commands.send(Command::Ask(question)).await.map_err(|_| Unavailable)?;
        answer.await.map_err(|_| Unavailable)
    }
}
