//! The containers of this host, each by its control group: those of Docker, containerd, CRI-O and Podman, of Kubernetes' pods
//! and of LXC. No runtime is asked.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::container::Group;
use super::{Collector, Points};

pub(super) struct Containers {
    top: PathBuf,
    /// What is walked: of version 1 the hierarchy of memory, whose groups the others have too.
    walked: PathBuf,
    is_two: bool,
}

/// Pods stand four levels down, and containers in them one more; runtimes within containers have more.
const DEPTH: usize = 8;
/// More than any host runs. What is beyond is left out, so that a window's time is bounded.
const MOST: usize = 2_000;

impl Containers {
    pub(super) fn new(root: &Path) -> Self {
        let top = root.join("sys/fs/cgroup");
        let is_two = top.join("cgroup.controllers").exists() || !top.join("memory").is_dir();
        let walked = if is_two { top.clone() } else { top.join("memory") };
        Self { top, walked, is_two }
    }

    fn walk(&self, place: &Path, depth: usize, pod: Option<&str>, found: &mut Vec<Found>) {
        let Ok(entries) = std::fs::read_dir(self.walked.join(place)) else { return };
        for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            if found.len() == MOST {
                return;
            }
            let name = entry.file_name();
            let name = name.to_str().unwrap_or_default();
            let place = place.join(OsStr::new(name));
            let of_pod = pod_uid(name);
            let pod = of_pod.as_deref().or(pod);
            match container_id(name) {
                Some(id) => found.push(Found { place, id: id.to_owned(), pod: pod.map(str::to_owned) }),
                None if depth < DEPTH && !name.is_empty() => self.walk(&place, depth + 1, pod, found),
                None => {}
            }
        }
    }
}

struct Found {
    place: PathBuf,
    id: String,
    pod: Option<String>,
}

impl Collector for Containers {
    fn collect(&mut self, points: &mut Points<'_>) {
        let mut found = Vec::new();
        self.walk(Path::new(""), 1, None, &mut found);
        for Found { place, id, pod } in found {
            let labels = [("container_id", id.as_str()), ("k8s_pod_uid", pod.as_deref().unwrap_or_default())];
            let labels = &labels[..if pod.is_some() { 2 } else { 1 }];
            let group = match self.is_two {
                true => Group::Two(self.top.join(place)),
                false => Group::One { hierarchies: self.top.clone(), place },
            };
            group.tell(labels, points);
        }
    }
}

/// A container's id in the name of its group: `docker-ID.scope`, `cri-containerd-ID.scope`, `ID`, `lxc.payload.NAME`.
fn container_id(name: &str) -> Option<&str> {
    if let Some(name) = name.strip_prefix("lxc.payload.") {
        return Some(name);
    }
    let name = name.strip_suffix(".scope").unwrap_or(name);
    let id = ["docker-", "cri-containerd-", "crio-", "libpod-"].iter().find_map(|prefix| name.strip_prefix(prefix));
    let id = id.unwrap_or(name);
    (id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
}

/// A pod's uid in the name of its group: `kubepods-burstable-podUID.slice` with `_` for `-`, or `podUID`.
fn pod_uid(name: &str) -> Option<String> {
    let name = name.strip_suffix(".slice").unwrap_or(name);
    let uid = match name.strip_prefix("kubepods-") {
        Some(rest) => rest.rsplit("pod").next()?,
        None => name.strip_prefix("pod")?,
    };
    let uid = uid.replace('_', "-");
    // A static pod's is a hash without dashes.
    let is_uid = [32, 36].contains(&uid.len()) && uid.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    is_uid.then_some(uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn containers_and_pods_are_known_by_the_names_of_their_groups() {
        for name in ["docker-ID.scope", "cri-containerd-ID.scope", "crio-ID.scope", "libpod-ID.scope", "ID"] {
            assert_eq!(container_id(&name.replace("ID", ID)), Some(ID), "{name}");
        }
        assert_eq!(container_id("lxc.payload.web"), Some("web"));
        for name in ["docker.service", "crio-conmon-ID.scope", "user.slice", "docker-0123.scope", ""] {
            assert_eq!(container_id(&name.replace("ID", ID)), None, "{name}");
        }
        let uid = "5e8ff4a5-4b6f-4d22-8d4f-1a2b3c4d5e6f";
        let check = |name: &str, expected| assert_eq!(pod_uid(name).as_deref(), expected, "{name}");
        check(&format!("kubepods-burstable-pod{}.slice", uid.replace('-', "_")), Some(uid));
        check(&format!("kubepods-pod{}.slice", uid.replace('-', "_")), Some(uid));
        check(&format!("pod{uid}"), Some(uid));
        check("pod0123456789abcdef0123456789abcdef", Some("0123456789abcdef0123456789abcdef"));
        for name in ["kubepods.slice", "kubepods-besteffort.slice", "podman", "burstable", "pod"] {
            check(name, None);
        }
    }
}
