//! How many CPU cores the system lets this process use: a container's limit is a quota of its control group.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

/// Cores, in parts: the smaller of the quota and the CPUs that this process may run on.
pub(crate) fn cores() -> f64 {
    let cpus = thread::available_parallelism().map_or(1.0, |cpus| cpus.get() as f64);
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    quota(Path::new("/sys/fs/cgroup"), &groups).map_or(cpus, |quota| quota.min(cpus))
}

/// The tightest quota of the groups that this process is in, and of those above them; `None` without any. `groups` is as
/// in `/proc/self/cgroup`, see cgroups(7). Inside a container the path may be one that only the host sees: then the group
/// at the mount's root is its own.
fn quota(mount: &Path, groups: &str) -> Option<f64> {
    let quotas = groups.lines().flat_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        let unified = controllers.is_empty();
        let root = match unified {
            true => mount.to_owned(),
            false if controllers.split(',').any(|controller| controller == "cpu") => mount.join("cpu"),
            false => return Vec::new(),
        };
        let read = if unified { unified_quota } else { separate_quota };
        let path = Path::new(path.trim_start_matches('/'));
        path.ancestors().filter_map(|group| read(&root.join(group))).collect::<Vec<_>>()
    });
    quotas.reduce(f64::min)
}

/// `cpu.max`: microseconds, or "max", in a period of microseconds.
fn unified_quota(group: &Path) -> Option<f64> {
    let text = fs::read_to_string(group.join("cpu.max")).ok()?;
    let (quota, period) = text.trim().split_once(' ')?;
    part(quota.parse().ok()?, period.parse().ok()?)
}

/// The first version of control groups has a file for each; a quota of -1 is none.
fn separate_quota(group: &Path) -> Option<f64> {
    let read = |file: PathBuf| fs::read_to_string(file).ok()?.trim().parse::<f64>().ok();
    part(read(group.join("cpu.cfs_quota_us"))?, read(group.join("cpu.cfs_period_us"))?)
}

fn part(quota: f64, period: f64) -> Option<f64> {
    (quota > 0.0 && period > 0.0).then(|| quota / period)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)], groups: &str, expected: Option<f64>) {
        let mount = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = mount.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        assert_eq!(quota(mount.path(), groups), expected, "{files:?} {groups}");
    }

    #[test]
    fn the_quota_of_a_container_is_found() {
        check(&[("cpu.max", "50000 100000\n")], "0::/\n", Some(0.5));
        check(&[("cpu.max", "max 100000\n")], "0::/\n", None);
        check(&[("kubepods/pod7/cpu.max", "250000 100000\n")], "0::/kubepods/pod7/gateway\n", Some(2.5));
        check(&[("a/cpu.max", "100000 100000"), ("a/b/cpu.max", "200000 100000")], "0::/a/b", Some(1.0));
        check(&[("cpu.max", "30000 100000")], "0::/a/path/of/the/host", Some(0.3));
        check(&[], "0::/", None);
        check(&[("cpu.max", "rubbish")], "0::/", None);
    }

    #[test]
    fn so_is_that_of_the_first_version() {
        let quota = ("cpu/weir/cpu.cfs_quota_us", "10000\n");
        let period = ("cpu/weir/cpu.cfs_period_us", "100000\n");
        check(&[quota, period], "9:memory:/\n4:cpu,cpuacct:/weir\n0::/\n", Some(0.1));
        check(&[quota, period], "4:cpuset:/weir\n", None);
        check(&[("cpu/cpu.cfs_quota_us", "-1"), ("cpu/cpu.cfs_period_us", "100000")], "1:cpu:/", None);
    }

    #[test]
    fn there_is_always_some() {
        assert!(cores() > 0.0);
    }
}
