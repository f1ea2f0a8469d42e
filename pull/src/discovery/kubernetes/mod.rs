//! Objects of Kubernetes that are targets: each kind is listed and then watched, so that what comes or goes is known at once.

mod api;
mod objects;
mod targets;
mod watching;

use std::sync::Arc;
use std::time::Duration;

use super::said::Teller;
use crate::config::{Asked, KubernetesSource, Role};
use api::{ACCOUNT, Api};
use objects::Objects;

/// What happens at once is told at once.
const GATHER: Duration = Duration::from_millis(200);

/// Tasks that end with this.
#[derive(Default)]
struct Tasks(Vec<tokio::task::AbortHandle>);

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(tokio::task::AbortHandle::abort);
    }
}

pub(super) async fn follow(source: Asked<KubernetesSource>, teller: Teller) {
    let (api, namespaces) = match (Api::of(&source), namespaces(&source.own)) {
        (Ok(api), Ok(namespaces)) => (api, namespaces),
        (Err(fault), _) | (_, Err(fault)) => return teller.failed(fault),
    };
    let (objects, teller) = (Arc::new(Objects::default()), Arc::new(teller));
    let mut tasks = Tasks::default();
    for role in kinds(source.own.role) {
        for namespace in &namespaces {
            let namespace = namespace.as_deref().filter(|_| *role != Role::Node);
            let path = watching::path(*role, namespace, &source.own.selectors);
            let kind = objects.add(*role);
            let watching = watching::watch(api.clone(), path, kind, objects.clone(), teller.clone());
            tasks.0.push(tokio::spawn(watching).abort_handle());
            if *role == Role::Node {
                break;
            }
        }
    }
    loop {
        objects.changed().await;
        tokio::time::sleep(GATHER).await;
        if let Some(groups) = objects.with(|all| targets::groups(source.own.role, all)) {
            teller.found(groups);
        }
    }
}

/// What has to be known to make targets of a kind.
fn kinds(role: Role) -> &'static [Role] {
    match role {
        Role::Pod => &[Role::Pod],
        Role::Service => &[Role::Service],
        Role::Node => &[Role::Node],
        Role::Endpoints => &[Role::Endpoints, Role::Service, Role::Pod],
        Role::EndpointSlice => &[Role::EndpointSlice, Role::Service, Role::Pod],
    }
}

/// All, if none is named.
fn namespaces(own: &KubernetesSource) -> Result<Vec<Option<String>>, String> {
    let mut names: Vec<_> = own.namespaces.names.iter().cloned().map(Some).collect();
    if own.namespaces.own_namespace {
        let file = format!("{ACCOUNT}/namespace");
        let text = std::fs::read_to_string(&file);
        names.push(Some(
            text.map_err(|error| format!("{file}, which has the own namespace: {error}"))?.trim().to_owned(),
        ));
    }
    Ok(if names.is_empty() { vec![None] } else { names })
}
