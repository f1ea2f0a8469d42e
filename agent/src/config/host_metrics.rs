//! The table `[host_metrics]`: what is read of the host, and of which devices.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::choice::Choice;
use crate::relabel::Rule;

/// As in the file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HostMetrics {
    pub source: HostSource,
    pub root: PathBuf,
    pub cpu: bool,
    pub cpu_cores: bool,
    pub memory: bool,
    pub pressure: bool,
    pub filesystem: bool,
    pub filesystem_types: Choice,
    pub filesystem_paths: Choice,
    pub disk: bool,
    pub disk_devices: Choice,
    pub disk_partitions: bool,
    pub network: bool,
    pub network_interfaces: Choice,
    pub sockets: bool,
    pub processes: bool,
    pub top_processes: usize,
    pub process_names: Vec<String>,
    pub temperature: bool,
    pub container: bool,
    pub containers: bool,
    pub relabel: Vec<Rule>,
}

impl Default for HostMetrics {
    fn default() -> Self {
        Self {
            source: HostSource::usual(),
            root: PathBuf::from("/"),
            cpu: true,
            cpu_cores: true,
            memory: true,
            pressure: true,
            filesystem: true,
            filesystem_types: Choice::new(&PSEUDO_AND_REMOTE),
            filesystem_paths: Choice::new(&[
                "!/dev",
                "!/run/*",
                "!/var/lib/docker/*",
                "!/var/lib/containers/*",
                "!/var/lib/kubelet/*",
            ]),
            disk: true,
            disk_devices: Choice::new(&["!loop*", "!ram*", "!zram*"]),
            disk_partitions: false,
            network: true,
            network_interfaces: Choice::new(&["!veth*", "!cali*", "!lxc*"]),
            sockets: true,
            processes: true,
            top_processes: 0,
            process_names: Vec::new(),
            temperature: true,
            container: true,
            containers: false,
            relabel: Vec::new(),
        }
    }
}

impl HostMetrics {
    /// What does not go together, or is not there.
    pub(super) fn fault(&self) -> Option<&'static str> {
        match self.source {
            HostSource::Proc if cfg!(not(target_os = "linux")) => {
                Some("source: \"proc\" is there on Linux only; use \"sysinfo\", or leave it out")
            }
            HostSource::Sysinfo if !cfg!(any(feature = "sysinfo", not(target_os = "linux"), test)) => Some(
                "source: this program was built without sysinfo; use \"proc\", or build it with `--features sysinfo`",
            ),
            HostSource::Sysinfo if self.root != Path::new("/") => {
                Some("root: sysinfo reads the system that it runs on; leave root out, or use source = \"proc\"")
            }
            _ => None,
        }
    }
}

/// Who reads the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum HostSource {
    /// The agent itself, from `/proc` and `/sys`.
    Proc,
    /// The crate of this name, which knows other systems too and tells less.
    Sysinfo,
}

impl HostSource {
    const fn usual() -> Self {
        if cfg!(target_os = "linux") { Self::Proc } else { Self::Sysinfo }
    }
}

/// Types that take no room of their own, and those whose server can keep a question waiting for ever.
const PSEUDO_AND_REMOTE: [&str; 38] = [
    "!autofs",
    "!binfmt_misc",
    "!bpf",
    "!cgroup",
    "!cgroup2",
    "!configfs",
    "!debugfs",
    "!devpts",
    "!devtmpfs",
    "!efivarfs",
    "!fusectl",
    "!hugetlbfs",
    "!iso9660",
    "!mqueue",
    "!nsfs",
    "!nullfs",
    "!overlay",
    "!proc",
    "!pstore",
    "!ramfs",
    "!rpc_pipefs",
    "!securityfs",
    "!selinuxfs",
    "!squashfs",
    "!erofs",
    "!sysfs",
    "!tracefs",
    "!nfs",
    "!nfs4",
    "!cifs",
    "!smb3",
    "!smbfs",
    "!ceph",
    "!9p",
    "!afs",
    "!glusterfs",
    "!fuse.*",
    "!fuse",
];
