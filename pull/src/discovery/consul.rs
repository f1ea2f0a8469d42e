//! Services of Consul, followed by blocking queries: the catalogue says which there are, and each one's health who serves it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::header::HeaderName;
use serde_json::Value;
use tokio::task::AbortHandle;
use weir_sample::legal_label_name;

use super::asker::{Asker, Patience, coded};
use super::said::Teller;
use crate::config::{Asked, ConsulSource, Group};
use crate::relabel::LabelSet;
use weir_fetch::Secret;

/// Time that a question waits at Consul for something to happen.
const WAIT: Duration = Duration::from_secs(60);
/// Consul adds up to a sixteenth to it.
const SLACK: Duration = Duration::from_secs(15);
/// At least so long from one question to the next, in a catalogue in which something always happens.
const BREATH: Duration = Duration::from_millis(100);

/// What all tasks of one place share.
struct Place {
    asked: Asked<ConsulSource>,
    teller: Teller,
    /// What each service said last; none before the first answer.
    services: Mutex<BTreeMap<String, Option<Vec<Group>>>>,
}

/// Tasks by service, which end with this.
#[derive(Default)]
struct Tasks(BTreeMap<String, AbortHandle>);

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.values().for_each(AbortHandle::abort);
    }
}

pub(super) async fn follow(asked: Asked<ConsulSource>, teller: Teller) {
    let place = Arc::new(Place { asked, teller, services: Mutex::default() });
    let mut tasks = Tasks::default();
    if !place.asked.own.services.is_empty() && place.asked.own.tags.is_empty() {
        place.set(&place.asked.own.services.clone(), &mut tasks);
        return std::future::pending().await;
    }
    let mut question = match Question::new(&place, "catalog/services", &place.asked.own.node_meta) {
        Ok(question) => question,
        Err(fault) => return place.teller.failed(fault),
    };
    loop {
        let said = question.next(&place.teller).await;
        let services = said.as_object().into_iter().flatten();
        let names = services.filter(|(name, tags)| place.is_wanted(name, tags)).map(|(name, _)| name.clone());
        place.set(&names.collect::<Vec<_>>(), &mut tasks);
    }
}

impl Place {
    fn is_wanted(&self, name: &str, tags: &Value) -> bool {
        let own = &self.asked.own;
        let has = |tag: &String| tags.as_array().into_iter().flatten().any(|other| other == tag.as_str());
        (own.services.is_empty() || own.services.iter().any(|other| other == name)) && own.tags.iter().all(has)
    }

    /// Follows these services and no others.
    fn set(self: &Arc<Self>, names: &[String], tasks: &mut Tasks) {
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        services.retain(|name, _| names.contains(name));
        for (_, task) in tasks.0.extract_if(.., |name, _| !names.contains(name)) {
            task.abort();
        }
        for name in names {
            if !tasks.0.contains_key(name) {
                services.insert(name.clone(), None);
                tasks.0.insert(name.clone(), tokio::spawn(service(self.clone(), name.clone())).abort_handle());
            }
        }
        drop(services);
        self.tell();
    }

    /// Tells all groups, once each service has answered.
    fn tell(&self) {
        let services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        let all: Option<Vec<_>> = services.values().map(Option::as_ref).collect();
        if let Some(all) = all {
            self.teller.found(all.into_iter().flatten().cloned().collect());
        }
    }
}

async fn service(place: Arc<Place>, name: String) {
    let path = format!("health/service/{}", coded(&name));
    let mut question = match Question::new(&place, &path, &place.asked.own.node_meta) {
        Ok(question) => question,
        Err(fault) => return place.teller.failed(fault),
    };
    for tag in &place.asked.own.tags {
        question.uri.push_str(&format!("&tag={}", coded(tag)));
    }
    if let Some(filter) = &place.asked.own.filter {
        question.uri.push_str(&format!("&filter={}", coded(filter)));
    }
    loop {
        let said = question.next(&place.teller).await;
        let separator = place.asked.own.tag_separator.as_deref().unwrap_or(",");
        let groups = said.as_array().into_iter().flatten().filter_map(|entry| group(entry, separator)).collect();
        let mut services = place.services.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = services.get_mut(&name) {
            *known = Some(groups);
        }
        drop(services);
        place.tell();
    }
}

/// One question that is asked again whenever there is something new.
struct Question {
    asker: Asker,
    uri: String,
    index: u64,
    patience: Patience,
}

impl Question {
    fn new(place: &Place, path: &str, node_meta: &BTreeMap<String, String>) -> Result<Self, String> {
        let Asked { own, client, .. } = &place.asked;
        let (scheme, prefix) = (own.scheme.as_deref().unwrap_or("http"), own.path_prefix.trim_matches('/'));
        let base = match own.server.contains("://") {
            true => own.server.trim_end_matches('/').to_owned(),
            false => format!("{scheme}://{}", own.server),
        };
        let slash = if prefix.is_empty() { "" } else { "/" };
        let mut uri = format!("{base}{slash}{prefix}/v1/{path}?wait={}s", WAIT.as_secs());
        let named = [("dc", &own.datacenter), ("ns", &own.namespace), ("partition", &own.partition)];
        for (name, value) in named.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
            uri.push_str(&format!("&{name}={}", coded(value)));
        }
        for (name, value) in node_meta {
            uri.push_str(&format!("&node-meta={}", coded(&format!("{name}:{value}"))));
        }
        if own.allow_stale {
            uri.push_str("&stale");
        }
        let token = own.token.as_ref().map(|Secret(token)| (HeaderName::from_static("x-consul-token"), token.clone()));
        let asker = Asker::new(client, token.into_iter().collect())?;
        Ok(Self { asker, uri, index: 0, patience: Patience::new() })
    }

    /// The next answer that has something new.
    async fn next(&mut self, teller: &Teller) -> Value {
        loop {
            let uri = format!("{}&index={}", self.uri, self.index);
            match self.asker.json_within(&uri, WAIT + SLACK).await {
                Ok((answer, said)) => {
                    self.patience.succeeded();
                    let index = answer.header(HeaderName::from_static("x-consul-index")).parse().unwrap_or(0);
                    let before = std::mem::replace(&mut self.index, index);
                    if index < before {
                        // Consul began anew; it asks its clients to do so too.
                        self.index = 0;
                    }
                    tokio::time::sleep(BREATH).await;
                    if index != before || index == 0 {
                        return said;
                    }
                }
                Err(fault) => self.patience.failed(teller, fault).await,
            }
        }
    }
}

/// The target that an instance of a service is, with Prometheus' labels.
fn group(entry: &Value, separator: &str) -> Option<Group> {
    let (node, service) = (&entry["Node"], &entry["Service"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let port = service["Port"].as_u64()?.to_string();
    let host =
        Some(text(&service["Address"])).filter(|host| !host.is_empty()).unwrap_or_else(|| text(&node["Address"]));
    let tags: Vec<_> = service["Tags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut labels = LabelSet::new();
    let mut put = |name: &str, value: String| _ = labels.insert(format!("__meta_consul_{name}"), value);
    put("address", text(&node["Address"]));
    put("node", text(&node["Node"]));
    put("dc", text(&node["Datacenter"]));
    put("namespace", text(&service["Namespace"]));
    put("partition", text(&service["Partition"]));
    put("tags", format!("{separator}{}{separator}", tags.join(separator)));
    put("service", text(&service["Service"]));
    put("service_address", text(&service["Address"]));
    put("service_id", text(&service["ID"]));
    put("service_port", port.clone());
    put("health", health(&entry["Checks"]).into());
    let pairs = |value: &Value| value.as_object().cloned().unwrap_or_default();
    for (prefix, value) in [("metadata", &node["Meta"]), ("service_metadata", &service["Meta"])] {
        pairs(value).iter().for_each(|(name, value)| put(&format!("{prefix}_{}", legal_label_name(name)), text(value)));
    }
    for (name, value) in pairs(&node["TaggedAddresses"]) {
        put(&format!("tagged_address_{}", legal_label_name(&name)), text(&value));
    }
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    Some(Group { targets: vec![format!("{host}:{port}")], labels })
}

/// The worst of all checks.
fn health(checks: &Value) -> &'static str {
    let is_any = |status: &str| checks.as_array().into_iter().flatten().any(|check| check["Status"] == status);
    ["maintenance", "critical", "warning"].into_iter().find(|status| is_any(status)).unwrap_or("passing")
}
