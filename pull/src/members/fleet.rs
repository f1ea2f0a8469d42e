//! Who this collector is, and how it finds the others.

use std::time::{SystemTime, UNIX_EPOCH};

use super::redis::Leases;

/// How collectors find each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Membership {
    /// There is only this one, or all ask everything.
    Alone,
    /// By the addresses of their listeners, the same list for each; this one is among them.
    Peers(Vec<String>),
    /// By a name and a port: each address of the name is a collector's.
    Name(String),
    /// By leases in Redis.
    Redis(Leases),
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

    /// The name that it has, unless it finds itself by another among the others.
    pub(super) fn name(&self) -> String {
        self.advertised.clone().unwrap_or_else(|| self.instance.clone())
    }
}
