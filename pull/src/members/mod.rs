//! Which collectors there are, as this one sees them: each target is asked by those that come first for it among them.
//!
//! What is seen may be wrong, and two collectors may see differently: then a target is asked twice, which the server stores once. So
//! whoever is in doubt asks.

mod probe;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

pub(crate) use probe::watch_members;

/// How collectors find each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Membership {
    /// There is only this one, or all ask everything.
    Alone,
    /// By the addresses of their listeners, the same list for each; this one is among them.
    Peers(Vec<String>),
    /// By a name and a port: each address of the name is a collector's.
    Name(String),
}

/// Who this one is, and how it is among the others.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// How the others are found.
    pub membership: Membership,
    /// The address of this one in the list, if it cannot find that out by asking.
    pub advertised: Option<String>,
    /// Collectors that ask each target.
    pub replicas: usize,
    /// What no other run has.
    pub(crate) instance: String,
}

impl Fleet {
    /// This run as one of these.
    pub fn new(membership: Membership, advertised: Option<String>, replicas: usize) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let machine = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        let run = format!("{}\0{now:?}\0{machine:?}\0{:?}", std::process::id(), std::env::var_os("HOSTNAME"));
        let instance = format!("{:032x}", xxhash_rust::xxh3::xxh3_128(run.as_bytes()));
        Self { membership, advertised, replicas, instance }
    }
}

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
pub(crate) const PROBE_EVERY: Duration = Duration::from_secs(1);
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

/// A view that is there from the beginning, and what changes it as long as the future runs.
pub(crate) fn channel(fleet: &Fleet) -> (watch::Sender<Option<View>>, watch::Receiver<Option<View>>) {
    let alone = fleet.membership == Membership::Alone;
    let me = fleet.advertised.clone().unwrap_or_else(|| fleet.instance.clone());
    watch::channel(alone.then(|| View::alone(me)))
}
