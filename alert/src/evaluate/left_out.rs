//! Hosts that are not waited for, each of its tenant: another tenant's host of the same name is another host.

use std::collections::{BTreeMap, BTreeSet};

/// Hosts that are not waited for any longer and have not said goodbye.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// By host, its tenants as series name them.
    hosts: BTreeMap<String, BTreeSet<String>>,
    count: usize,
}

impl LeftOut {
    /// Adds a tenant's host.
    pub fn insert(&mut self, tenant: u32, host: &str) {
        let added = self.hosts.entry(host.to_owned()).or_default().insert(label_of(tenant));
        self.count += usize::from(added);
    }

    /// Whether a tenant's host is among them.
    pub fn has(&self, tenant: u32, host: &str) -> bool {
        self.has_labelled(&label_of(tenant), host)
    }

    /// The same, by the values of the labels `tenant` and `host`; one that is not there is empty.
    pub(crate) fn has_labelled(&self, tenant: &str, host: &str) -> bool {
        self.hosts.get(host).is_some_and(|tenants| tenants.contains(tenant))
    }

    /// Whether any tenant's host of this name is among them.
    pub(crate) fn has_any(&self, host: &str) -> bool {
        self.hosts.contains_key(host)
    }

    /// Their names, each once.
    pub(crate) fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.hosts.keys().map(String::as_str)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// The value of the label `tenant`; series of tenant 0 have none.
fn label_of(tenant: u32) -> String {
    if tenant == 0 { String::new() } else { tenant.to_string() }
}
