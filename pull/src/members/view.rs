//! The collectors that there are, as this one sees them now.

use std::time::Duration;

use tokio::sync::watch;

/// The collectors that are there now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct View {
    /// This one's name.
    pub me: String,
    /// Names of all that live, this one among them, in order.
    pub live: Vec<String>,
    /// What is wrong with it, in words.
    pub fault: Option<String>,
}

/// Time from one look at the others to the next.
pub(super) const PROBE_EVERY: Duration = Duration::from_secs(1);
/// A collector that leaves goes on for so long: each other one has heard of it then.
pub(crate) const LEAVE_FOR: Duration = Duration::from_secs(3);

impl View {
    /// The names of those that ask a target, the first one first. Alone, this one does.
    pub(crate) fn owners(&self, key: &str, replicas: usize) -> Vec<&str> {
        weir_discovery::owners(key, &self.live, replicas)
    }

    pub(crate) fn alone(me: String) -> Self {
        Self { live: vec![me.clone()], me, fault: None }
    }
}

/// Takes a view, if it is another than before.
pub(super) fn tell(view: &watch::Sender<Option<View>>, told: View) {
    view.send_if_modified(|before| {
        let is_new = before.as_ref() != Some(&told);
        *before = Some(told);
        is_new
    });
}
