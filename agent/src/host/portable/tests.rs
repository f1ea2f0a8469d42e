//! What sysinfo tells of this host, held against the agent's own reading of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use weir_sample::{Series, Value};

use super::super::Host;
use crate::origin::Origin;

/// Beyond this a figure is another figure.
struct Near {
    /// Of the larger one.
    share: f64,
    /// Of its own unit.
    by: f64,
}

fn host(source: &str, more: &str) -> Host {
    let settings = format!("source = {source:?}\nprocess_names = [\"weir_agent-*\"]\n{more}");
    Host::new(Origin::new("h", &BTreeMap::new()), &toml::from_str(&settings).unwrap())
}

fn number(value: &Value) -> f64 {
    match value {
        Value::Gauge(value) | Value::Counter(value) => *value,
        other => panic!("{other:?}"),
    }
}

/// Both at the same times, as near as can be: a look, some work, and another.
fn both(work: impl Fn()) -> [BTreeMap<String, Value>; 2] {
    let mut hosts = [host("proc", ""), host("sysinfo", "")];
    hosts.iter_mut().for_each(|host| _ = host.collect());
    work();
    let named = |(series, value): (Series, Value)| (series.to_string(), value);
    hosts.each_mut().map(|host| host.collect().into_iter().map(named).collect())
}

/// Takes CPU, memory, the disk and the network for a while.
fn work() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let echo = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let until = Instant::now() + Duration::from_millis(700);
    while Instant::now() < until {
        let file = std::fs::File::create(folder.path().join("file")).unwrap();
        std::io::Write::write_all(&mut &file, &vec![7; 1 << 20]).unwrap();
        file.sync_all().unwrap();
        echo.send_to(&[7; 1_000], echo.local_addr().unwrap()).unwrap();
    }
}

/// Figures that cannot be as near as others, and why.
fn near(series: &str) -> Option<Near> {
    let begins = |names: &[&str]| names.iter().any(|name| series.starts_with(name));
    // What the kernel could free is estimated in another way.
    if begins(&["system_memory_usage_bytes{host=\"h\",system_memory_state=\"cached\""]) {
        return None;
    }
    // Used is what is not available, rather than what is neither free nor kept of files.
    if begins(&["system_memory_usage_bytes{host=\"h\",system_memory_state=\"used\"", "system_memory_utilization"]) {
        return Some(Near { share: 0.5, by: 0.2 });
    }
    // It goes on between the two looks: this test's own work in all of its time, others' as they come.
    if begins(&["system_network_", "system_disk_", "process_", "system_processes_", "system_cpu_load_"]) {
        return Some(Near { share: 0.5, by: slack(series, [4e6, 0.3, 200.0]) });
    }
    Some(Near { share: 0.1, by: slack(series, [64e6, 0.1, 2.0]) })
}

/// For bytes, ratios, and other numbers.
fn slack(series: &str, [bytes, ratio, other]: [f64; 3]) -> f64 {
    let name = series.split('{').next().unwrap_or_default();
    let unit = |unit| name.strip_suffix("_total").unwrap_or(name).ends_with(unit);
    if unit("_bytes") {
        bytes
    } else if unit("_ratio") {
        ratio
    } else {
        other
    }
}

fn is_near(series: &str, ours: f64, theirs: f64) -> bool {
    near(series).is_none_or(|near| (ours - theirs).abs() <= near.by.max(near.share * ours.abs().max(theirs.abs())))
}

#[test]
fn what_sysinfo_tells_has_the_names_units_and_labels_of_our_own_reading() {
    let mut trouble = Vec::new();
    // Whatever else this machine does meanwhile, it does not always.
    for _ in 0..20 {
        let [ours, theirs] = both(work);
        trouble.clear();
        for (series, value) in &theirs {
            let same = std::mem::discriminant::<Value>;
            match ours.get(series) {
                // A process or a mount may have come between the looks.
                None => trouble.push(format!("{series} is not among ours")),
                Some(other) if same(other) != same(value) => trouble.push(format!("{series} is of another kind")),
                Some(other) if !is_near(series, number(other), number(value)) && !series.contains("idle") => {
                    trouble.push(format!("{series}: {value:?}, and ours {other:?}"));
                }
                Some(_) => {}
            }
        }
        let idle = |found: &BTreeMap<String, Value>, mode: &str| {
            found.get(&format!("system_cpu_utilization_ratio{{cpu_mode={mode:?},host=\"h\"}}")).map_or(f64::NAN, number)
        };
        // Of what waits for IO sysinfo thinks that it does nothing.
        let (own, other) = (idle(&ours, "idle") + idle(&ours, "iowait"), idle(&theirs, "idle"));
        if (own - other).abs().partial_cmp(&0.1) != Some(std::cmp::Ordering::Less) {
            trouble.push(format!("idle: {other}, and ours {own}"));
        }
        if trouble.is_empty() {
            return assert_tells_all(&theirs);
        }
    }
    panic!("{trouble:#?}");
}

/// That the comparison above was of something.
fn assert_tells_all(found: &BTreeMap<String, Value>) {
    let names: std::collections::BTreeSet<_> =
        found.keys().map(|series| series.split('{').next().unwrap_or_default()).collect();
    let table = include_str!("../../../../docs/host-metrics.md");
    let section = table.split("## By sysinfo").nth(1).unwrap();
    // Neither sensors nor mounts of disks are on every machine that tests.
    let told = section.split('`').filter(|word| ["system_", "process_", "hw_"].iter().any(|own| word.starts_with(own)));
    let told: std::collections::BTreeSet<_> = told.collect();
    assert!(names.is_subset(&told), "{:?} are not in the table", names.difference(&told));
    let missing: Vec<_> =
        told.difference(&names).filter(|name| !MAY_BE_MISSING.iter().any(|own| name.starts_with(own))).collect();
    assert!(missing.is_empty(), "{missing:?} are in the table only");
}

const MAY_BE_MISSING: [&str; 3] = ["hw_", "system_filesystem_", "system_disk_"];

#[test]
fn parts_and_devices_are_chosen_as_with_our_own_reading() {
    let check = |more: &str, absent: &str| {
        let mut host = host("sysinfo", more);
        host.collect();
        let found = host.collect();
        assert!(!found.is_empty() && !found.iter().any(|(series, _)| series.to_string().contains(absent)), "{more}");
    };
    check("cpu = false", "system_cpu_");
    check("memory = false", "system_memory_");
    check("filesystem = false", "system_filesystem_");
    check("filesystem_types = [\"!*\"]", "system_filesystem_");
    check("filesystem_paths = [\"!*\"]", "system_filesystem_");
    check("disk_devices = [\"!*\"]", "system_disk_");
    check("network_interfaces = [\"!lo\"]", "\"lo\"");
    check("processes = false", "system_processes_");
}

#[test]
fn another_source_does_not_go_on_counting_in_its_own_units() {
    let (mut host, origin) = (host("proc", ""), Origin::new("h", &BTreeMap::new()));
    host.collect();
    host.reconfigure(origin, &toml::from_str("source = \"sysinfo\"").unwrap());
    let found = host.collect();
    let counter = found.iter().find(|(_, value)| matches!(value, Value::Counter(_)));
    assert_eq!(counter, None, "it has nothing to compare with yet");
}
