//! What a small machine would have: a CPU quota around a process, as a container's limit is one.

use std::fs;
use std::path::{Path, PathBuf};

/// A control group with a quota. Removed when dropped, for which its process must have ended.
#[derive(Debug)]
pub struct Quota(PathBuf);

/// Microseconds, as container runtimes have it.
const PERIOD: f64 = 100_000.0;

impl Quota {
    /// A group that holds process `pid` to so many cores; `None` where the system does not let us make one.
    pub fn around(pid: u32, cores: f64) -> Option<Self> {
        let name = format!("weir-test-{pid}");
        let quota = (cores * PERIOD).round();
        let (first, unified) = (Path::new("/sys/fs/cgroup/cpu"), Path::new("/sys/fs/cgroup"));
        if first.join("cpu.cfs_quota_us").exists() {
            let limits = [("cpu.cfs_period_us", PERIOD.to_string()), ("cpu.cfs_quota_us", quota.to_string())];
            Self::make(first.join(name), &limits, pid)
        } else {
            Self::make(unified.join(name), &[("cpu.max", format!("{quota} {PERIOD}"))], pid)
        }
    }

    fn make(group: PathBuf, limits: &[(&str, String)], pid: u32) -> Option<Self> {
        fs::create_dir(&group).ok()?;
        let group = Self(group);
        let write = |file: &str, text: &str| fs::write(group.0.join(file), text).ok();
        for (file, text) in limits {
            write(file, text)?;
        }
        write("cgroup.procs", &pid.to_string())?;
        Some(group)
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        // One that cannot be removed is empty and does no harm.
        let _ = fs::remove_dir(&self.0);
    }
}
