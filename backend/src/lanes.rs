//! Requests of one stretch, several under way at once. No series is in two of them, so their order is all one.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::request::Request;
use crate::sending::Sending;

/// Threads that send.
pub(crate) struct Lanes {
    sender: SyncSender<Request>,
    threads: Vec<JoinHandle<()>>,
    /// A lane was stopped before what it had was taken.
    broken: Arc<AtomicBool>,
}

impl Lanes {
    /// Starts so many threads.
    pub(crate) fn start(sending: &Arc<Sending>, lanes: usize) -> std::io::Result<Self> {
        // One waits for each that is under way: reading goes on while all are.
        let (sender, requests) = sync_channel(lanes);
        let (requests, broken) = (Arc::new(Mutex::new(requests)), Arc::new(AtomicBool::new(false)));
        let thread = |_| {
            let (sending, requests, broken) = (sending.clone(), requests.clone(), broken.clone());
            std::thread::Builder::new().name("backend-send".into()).spawn(move || work(&sending, &requests, &broken))
        };
        let threads = (0..lanes.max(1)).map(thread).collect::<Result<_, _>>()?;
        Ok(Self { sender, threads, broken })
    }

    /// Hands a request over, and waits while all are busy; false if sending has stopped.
    pub(crate) fn send(&self, request: Request) -> bool {
        !self.broken.load(Relaxed) && self.sender.send(request).is_ok()
    }

    /// Waits until all were taken; false if sending was stopped.
    pub(crate) fn finish(self) -> bool {
        drop(self.sender);
        let joined = self.threads.into_iter().map(JoinHandle::join).fold(true, |all, joined| all & joined.is_ok());
        joined && !self.broken.load(Relaxed)
    }
}

fn work(sending: &Sending, requests: &Mutex<Receiver<Request>>, broken: &AtomicBool) {
    loop {
        let next = requests.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(request) = next else { return };
        if !sending.deliver(request) {
            broken.store(true, Relaxed);
            return;
        }
    }
}
