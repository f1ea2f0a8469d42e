//! One kind of objects: listed, then watched from there on; listed again when the watch cannot go on.

use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use serde_json::Value;

use super::api::Api;
use super::objects::Objects;
use crate::config::{ObjectSelector, Role};
use crate::discovery::asker::{Asker, Patience, coded};
use crate::discovery::said::Teller;
use weir_fetch::Failure;

/// Objects of one page of a list.
const PAGE: usize = 500;
/// The server is to end a watch after so long, and one that does not is given up a little later: a connection may have died unseen.
const LASTING_S: u64 = 300;
const QUIET: Duration = Duration::from_secs(LASTING_S + 30);

/// Why a watch ends.
enum Ended {
    /// It can go on from this version.
    At(String),
    /// What happened since is not known any more.
    Gone,
}

pub(super) fn path(role: Role, namespace: Option<&str>, selectors: &[ObjectSelector]) -> String {
    let (group, name) = match role {
        Role::Pod => ("/api/v1", "pods"),
        Role::Service => ("/api/v1", "services"),
        Role::Endpoints => ("/api/v1", "endpoints"),
        Role::Node => ("/api/v1", "nodes"),
        Role::EndpointSlice => ("/apis/discovery.k8s.io/v1", "endpointslices"),
    };
    let within = namespace.map_or_else(String::new, |namespace| format!("/namespaces/{namespace}"));
    let mut path = format!("{group}{within}/{name}?");
    for selector in selectors.iter().filter(|selector| selector.role == role) {
        for (name, text) in [("labelSelector", &selector.label), ("fieldSelector", &selector.field)] {
            if let Some(text) = text {
                path.push_str(&format!("{name}={}&", coded(text)));
            }
        }
    }
    path
}

/// Follows one kind, for ever.
pub(super) async fn watch(api: Api, path: String, list: usize, objects: Arc<Objects>, teller: Arc<Teller>) {
    let mut patience = Patience::new();
    loop {
        if let Err(fault) = follow(&api, &path, list, &objects, &mut patience).await {
            patience.failed(&teller, fault).await;
        }
    }
}

/// From one list until another is needed.
async fn follow(api: &Api, path: &str, list: usize, objects: &Objects, patience: &mut Patience) -> Result<(), String> {
    let base = format!("{}{path}", api.server);
    let (all, mut version) = listed(&mut api.asker()?, &base).await?;
    objects.replace(list, all);
    patience.succeeded();
    loop {
        match watched(&api.asker()?, &base, version, list, objects).await? {
            Ended::At(there) => version = there,
            Ended::Gone => return Ok(()),
        }
    }
}

async fn listed(asker: &mut Asker, base: &str) -> Result<(Vec<Value>, String), String> {
    let (mut all, mut more) = (Vec::new(), String::new());
    loop {
        let mut said = asker.json(&format!("{base}limit={PAGE}{more}")).await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (version, next) = (text(&said["metadata"]["resourceVersion"]), text(&said["metadata"]["continue"]));
        match said["items"].take() {
            Value::Array(items) => all.extend(items),
            Value::Null if !version.is_empty() => {}
            _ => return Err(format!("{base} answers with no list: is it the API server of Kubernetes?")),
        }
        if next.is_empty() {
            return Ok((all, version));
        }
        more = format!("&continue={}", coded(&next));
    }
}

/// Takes what happens until the server ends it.
async fn watched(
    asker: &Asker,
    base: &str,
    mut version: String,
    list: usize,
    objects: &Objects,
) -> Result<Ended, String> {
    let uri = format!(
        "{base}watch=1&allowWatchBookmarks=true&timeoutSeconds={LASTING_S}&resourceVersion={}",
        coded(&version)
    );
    let (_connection, mut events) = asker.watch(Method::GET, &uri, None).await?;
    loop {
        let line = match events.line(QUIET).await {
            Ok(Some(line)) => line,
            Ok(None) | Err(Failure::CutShort(_) | Failure::Timeout(_)) => {
                // A server that ends each watch at once is not asked all the time.
                tokio::time::sleep(Duration::from_millis(200)).await;
                return Ok(Ended::At(version));
            }
            Err(failure) => return Err(format!("{base} {failure}")),
        };
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let mut event: Value =
            serde_json::from_slice(&line).map_err(|error| format!("{base}: a watch without JSON: {error}"))?;
        let kind = event["type"].as_str().unwrap_or_default().to_owned();
        let object = event["object"].take();
        match kind.as_str() {
            "ERROR" if object["code"] == 410 => return Ok(Ended::Gone),
            "ERROR" => return Err(format!("{base} ends the watch: {}", object["message"])),
            _ => {}
        }
        if let Some(there) = object["metadata"]["resourceVersion"].as_str() {
            version = there.to_owned();
        }
        if kind != "BOOKMARK" {
            objects.change(list, object, kind == "DELETED");
        }
    }
}
