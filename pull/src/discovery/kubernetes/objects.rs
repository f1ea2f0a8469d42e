//! Objects as they are known now, of each kind that is watched.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::Notify;

use crate::config::Role;

/// All that is watched, and whether each list has come.
#[derive(Default)]
pub(super) struct Objects {
    lists: Mutex<Vec<List>>,
    news: Notify,
}

/// Objects of one kind in one namespace, by namespace and name.
pub(super) struct List {
    role: Role,
    is_there: bool,
    objects: BTreeMap<String, Value>,
}

impl Objects {
    /// Room for another list; returns which one it is.
    pub(super) fn add(&self, role: Role) -> usize {
        let mut lists = self.lists();
        lists.push(List { role, is_there: false, objects: BTreeMap::new() });
        lists.len() - 1
    }

    pub(super) async fn changed(&self) {
        self.news.notified().await;
    }

    /// A whole list takes the place of what was known.
    pub(super) fn replace(&self, list: usize, objects: Vec<Value>) {
        let mut lists = self.lists();
        lists[list].objects = objects.into_iter().map(|object| (key(&object), slim(object))).collect();
        lists[list].is_there = true;
        drop(lists);
        self.news.notify_one();
    }

    /// One object came, changed or went.
    pub(super) fn change(&self, list: usize, object: Value, is_deleted: bool) {
        let mut lists = self.lists();
        let (key, objects) = (key(&object), &mut lists[list].objects);
        match is_deleted {
            true => _ = objects.remove(&key),
            false => _ = objects.insert(key, slim(object)),
        }
        drop(lists);
        self.news.notify_one();
    }

    /// What is made of all objects; none before each list has come.
    pub(super) fn with<T>(&self, make: impl FnOnce(&All<'_>) -> T) -> Option<T> {
        let lists = self.lists();
        lists.iter().all(|list| list.is_there).then(|| make(&All(&lists)))
    }

    fn lists(&self) -> MutexGuard<'_, Vec<List>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Objects by kind.
pub(super) struct All<'a>(&'a [List]);

impl All<'_> {
    pub(super) fn of(&self, role: Role) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(move |list| list.role == role).flat_map(|list| list.objects.values())
    }

    pub(super) fn named(&self, role: Role, namespace: &str, name: &str) -> Option<&Value> {
        let key = format!("{namespace}/{name}");
        self.0.iter().filter(|list| list.role == role).find_map(|list| list.objects.get(&key))
    }
}

fn key(object: &Value) -> String {
    let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default();
    format!("{}/{}", text("namespace"), text("name"))
}

/// The object without its largest parts, of which no label is made.
fn slim(mut object: Value) -> Value {
    let mut without = |place: &str, names: &[&str]| {
        if let Some(part) = object.get_mut(place).and_then(Value::as_object_mut) {
            names.iter().for_each(|name| _ = part.remove(*name));
        }
    };
    without("metadata", &["managedFields"]);
    without("spec", &["volumes", "affinity", "tolerations"]);
    without("status", &["images", "volumesInUse", "volumesAttached"]);
    for place in ["containers", "initContainers"] {
        let containers = object.get_mut("spec").and_then(|spec| spec.get_mut(place)).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            if let Some(container) = container.as_object_mut() {
                container.retain(|name, _| ["name", "image", "ports", "restartPolicy"].contains(&name.as_str()));
            }
        }
    }
    object
}
