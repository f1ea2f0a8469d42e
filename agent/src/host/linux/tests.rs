//! The collectors over a made-up host whose every number is known.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use tempfile::TempDir;

use super::super::*;

const TABLE: &str = include_str!("../../../../docs/host-metrics.md");
const RULES: &str = include_str!("../../../../deploy/prometheus/node-exporter-names.rules.yml");

/// Files under `/proc` and `/sys`; `{n}` becomes the count given.
const FILES: [(&str, &str); 25] = [
    (
        "proc/stat",
        "cpu  {n} 0 200 700 0 0 0 0 0 0\ncpu0 {n} 0 100 350 0 0 0 0 0 0\ncpu1 0 0 100 350 0 0 0 0 0 0\n\
         intr {n} 1 2 3\nctxt {n}\nbtime 1700000000\nprocesses {n}\nprocs_running 1\nprocs_blocked 2\nsoftirq 9 9\n",
    ),
    ("proc/loadavg", "0.50 0.25 0.10 2/345 6789\n"),
    ("proc/uptime", "1234.56 2000.00\n"),
    (
        "proc/meminfo",
        "MemTotal: 1000 kB\nMemFree: 300 kB\nMemAvailable: 600 kB\nBuffers: 50 kB\nCached: 200 kB\nSwapTotal: 100 kB\n\
         SwapFree: 40 kB\nDirty: 7 kB\nWriteback: 1 kB\nShmem: 5 kB\nSReclaimable: 50 kB\nSUnreclaim: 20 kB\n\
         CommitLimit: 900 kB\nCommitted_AS: 800 kB\n",
    ),
    ("proc/vmstat", "pswpin {n}\npswpout 5\npgfault 1{n}\npgmajfault {n}\noom_kill {n}\n"),
    ("proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total={n}\n"),
    ("proc/pressure/memory", "some avg10=0.00 total={n}\nfull avg10=0.00 total={n}\n"),
    ("proc/pressure/io", "some avg10=0.00 total={n}\nfull avg10=0.00 total={n}\n"),
    (
        "proc/1/mountinfo",
        "22 1 8:2 / / ro,relatime shared:1 - ext4 /dev/sdb rw,errors=remount-ro\n\
         23 22 8:2 /x /again rw - ext4 /dev/sdb rw\n24 22 0:5 / /proc rw - proc proc rw\n25 22 8:3 / /sys ro - xfs /dev/sdc ro\n",
    ),
    ("proc/diskstats", "8 0 sda {n} 2 4 8 20 3 6 9 1 {n} 40\n8 1 sda1 {n} 1 1 1 1 1 1 1 0 1 1\n7 0 loop0 1 1\n"),
    (
        "proc/1/net/dev",
        "Inter-| Receive\n face |bytes\n  eth0: {n} 2 3 4 0 0 0 0 50 6 7 8 0 0 0 0\nveth1: 1 1 1 1 0 0 0 0 1 1 1 1 0 0 0 0\n",
    ),
    ("proc/sys/net/netfilter/nf_conntrack_count", "12\n"),
    ("proc/sys/net/netfilter/nf_conntrack_max", "65536\n"),
    ("proc/1/net/sockstat", "sockets: used 9\nTCP: inuse 4 orphan 0 tw 1 alloc 5 mem 3\nUDP: inuse 2 mem 1\n"),
    (
        "proc/1/net/snmp",
        "Tcp: ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts\n\
         Tcp: {n} 1 1 1 7 1 1 {n} 1 1\n\
         Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors\nUdp: 1 1 1 1 1 1\n",
    ),
    ("proc/1/net/netstat", "TcpExt: ListenOverflows ListenDrops TCPSynRetrans\nTcpExt: {n} {n} {n}\n"),
    ("proc/sys/fs/file-nr", "504\t0\t1000\n"),
    (
        "proc/42/stat",
        "42 (my (odd) name) S 1 1 1 0 -1 0 0 0 0 0 {n} 0 0 0 20 0 1 0 100 4096 10 0 0 0 0 0 0 0 0 0 0 0 0 0 17 0\n",
    ),
    ("sys/class/block/sda1/partition", "1\n"),
    ("sys/class/hwmon/hwmon0/name", "coretemp\n"),
    ("sys/class/hwmon/hwmon0/temp1_input", "45500\n"),
    ("sys/fs/cgroup/memory.max", "1048576\n"),
    ("sys/fs/cgroup/cgroup.controllers", "cpu io memory pids\n"),
    ("sys/fs/cgroup/cpu.max", "50000 100000\n"),
    ("sys/fs/cgroup/cpu.stat", "usage_usec 9\nuser_usec {n}\nsystem_usec {n}\nthrottled_usec {n}\n"),
];

const MORE_FILES: [(&str, &str); 6] = [
    ("sys/fs/cgroup/memory.stat", "anon 9\ninactive_file 96\n"),
    ("sys/fs/cgroup/memory.events", "low 0\noom_kill {n}\n"),
    ("sys/fs/cgroup/io.stat", "8:0 rbytes={n} wbytes=7 rios=1\n8:16 rbytes={n} wbytes=1\n"),
    ("sys/fs/cgroup/memory.current", "4096\n"),
    ("sys/fs/cgroup/pids.current", "3\n"),
    ("sys/fs/cgroup/pids.max", "100\n"),
];

fn write(root: &Path, count: u64) {
    for (path, text) in FILES.iter().chain(&MORE_FILES) {
        // Each container has what the agent's own has.
        let of_groups = path.strip_prefix("sys/fs/cgroup/").into_iter();
        let groups = of_groups.flat_map(|file| GROUPS.map(|group| format!("sys/fs/cgroup/{group}/{file}")));
        for path in groups.chain([(*path).to_owned()]) {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text.replace("{n}", &count.to_string())).unwrap();
        }
    }
}

/// Groups of a container alone, and of one in a pod.
const GROUPS: [&str; 2] = [
    "system.slice/docker-00000000000000000000000000000000000000000000000000000000000000d0.scope",
    "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod5e8ff4a5_4b6f_4d22_8d4f_1a2b3c4d5e6f.slice/\
     cri-containerd-00000000000000000000000000000000000000000000000000000000000000c0.scope",
];

/// What a group of version 1 has, lines apart by `|`.
const ONE: &str = "memory/memory.usage_in_bytes: 4096
    memory/memory.limit_in_bytes: 1048576
    memory/memory.stat: inactive_file 1|total_inactive_file 96
    memory/memory.oom_control: oom_kill_disable 0|under_oom 0|oom_kill {n}
    pids/pids.current: 3
    pids/pids.max: 100
    cpu/cpu.cfs_quota_us: 50000
    cpu/cpu.cfs_period_us: 100000
    cpu/cpu.stat: nr_throttled 1|throttled_time {n}000
    cpuacct/cpuacct.usage_user: {n}000
    cpuacct/cpuacct.usage_sys: {n}000
    blkio/blkio.throttle.io_service_bytes: 8:0 Read {n}|8:0 Write 7|8:0 Total 9|8:16 Read {n}|8:16 Write 1|Total 99";

fn settings(root: &Path, more: &str) -> HostMetrics {
    let top = if more.contains("top_processes") { "" } else { "top_processes = 5\n" };
    toml::from_str(&format!("root = {:?}\n{top}{more}", root.display().to_string())).unwrap()
}

/// Two collections, counters at 100 and then at 150.
fn collected(more: &str) -> BTreeMap<String, Value> {
    let root = TempDir::new().unwrap();
    write(root.path(), 100);
    let mut host = Host::new(Origin::new("h", &BTreeMap::new()), &settings(root.path(), more));
    host.collect();
    write(root.path(), 150);
    host.collect().into_iter().map(|(series, value)| (series.with_label("host", "").to_string(), value)).collect()
}

#[test]
fn every_figure_of_a_known_host_is_right() {
    let found = collected("");
    let check = |series: &str, value: Value| assert_eq!(found.get(series), Some(&value), "{series} in {found:#?}");
    let gauge = |series: &str, value: f64| check(series, Value::Gauge(value));
    let counter = |series: &str, delta: f64| check(series, Value::Counter(delta));
    counter(r#"system_cpu_time_seconds_total{cpu_mode="user"}"#, 0.5);
    counter(r#"system_cpu_time_seconds_total{cpu_logical_number="0",cpu_mode="user"}"#, 0.5);
    gauge(r#"system_cpu_utilization_ratio{cpu_mode="user"}"#, 1.0);
    gauge("system_cpu_logical_count", 2.0);
    counter("system_interrupts_total", 50.0);
    gauge("system_threads_count", 345.0);
    gauge(r#"system_memory_usage_bytes{system_memory_state="used"}"#, 400.0 * 1_024.0);
    gauge("system_memory_utilization_ratio", 0.4);
    gauge(r#"system_paging_usage_bytes{system_paging_state="used"}"#, 60.0 * 1_024.0);
    counter(r#"system_paging_faults_total{system_paging_fault_type="major"}"#, 50.0);
    counter("system_linux_oom_kills_total", 50.0);
    let stalled = r#"system_pressure_stalled_seconds_total{system_pressure_kind="full",system_resource="io"}"#;
    counter(stalled, 0.00005);
    counter(r#"system_disk_operations_total{disk_io_direction="read",system_device="sda"}"#, 50.0);
    counter(r#"system_disk_io_bytes_total{disk_io_direction="read",system_device="sda"}"#, 0.0);
    gauge(r#"system_disk_pending_operations{system_device="sda"}"#, 1.0);
    counter(r#"system_disk_io_time_seconds_total{system_device="sda"}"#, 0.05);
    counter(r#"system_network_io_bytes_total{network_interface_name="eth0",network_io_direction="receive"}"#, 50.0);
    gauge("system_network_tracked_connections_limit", 65_536.0);
    let read_only = |device: &str, path: &str, kind: &str| {
        format!(
            "system_filesystem_read_only{{system_device={device:?},system_filesystem_mountpoint={path:?},\
             system_filesystem_type={kind:?}}}"
        )
    };
    gauge(&read_only("sdb", "/", "ext4"), 0.0);
    gauge(&read_only("sdc", "/sys", "xfs"), 1.0);
    let waiting = r#"system_network_connections_count{network_connection_state="time_wait",network_transport="tcp"}"#;
    gauge(waiting, 1.0);
    gauge("system_network_connections_established", 7.0);
    counter("system_network_tcp_retransmits_total", 50.0);
    counter("system_network_tcp_listen_drops_total", 50.0);
    gauge("system_file_descriptors_count", 504.0);
    gauge(r#"system_processes_count{process_status="sleeping"}"#, 1.0);
    gauge("system_processes_blocked", 2.0);
    gauge(r#"process_cpu_utilization_ratio{process_executable_name="my (odd) name"}"#, 1.0);
    let resident = 10.0 * rustix::param::page_size() as f64;
    gauge(r#"process_memory_usage_bytes{process_executable_name="my (odd) name"}"#, resident);
    gauge(r#"hw_temperature_celsius{hw_id="hwmon0/temp1",hw_name="coretemp temp1"}"#, 45.5);
    gauge("container_cpu_limit_cores", 0.5);
    gauge("container_memory_limit_bytes", 1_048_576.0);
    counter("container_cpu_throttled_seconds_total", 0.00005);
    for absent in ["sda1\"", "loop0", "veth1", "/again", "type=\"proc\""] {
        assert!(!found.keys().any(|series| series.contains(absent)), "{absent}");
    }
}

#[test]
fn containers_are_told_by_version_1_and_2_alike() {
    let ids = ["00000000000000000000000000000000000000000000000000000000000000d0", &format!("{:064x}", 0xc0)];
    let pod = ",k8s_pod_uid=\"5e8ff4a5-4b6f-4d22-8d4f-1a2b3c4d5e6f\"";
    let check = |found: &BTreeMap<String, Value>, name: &str, labels: &str, value: &Value| {
        for (id, pod) in ids.into_iter().zip(["", pod]) {
            let series = format!("{name}{{container_id={id:?}{labels}{pod}}}");
            assert_eq!(found.get(&series), Some(value), "{series} in {found:#?}");
        }
    };
    let hierarchies = |count: u64| -> Vec<_> {
        let placed = |line: &str| {
            let (file, text) = line.trim().split_once(": ").unwrap();
            let (controller, file) = file.split_once('/').unwrap();
            let text = text.replace("{n}", &count.to_string()).replace('|', "\n");
            GROUPS.map(|group| (format!("sys/fs/cgroup/{controller}/{group}/{file}"), text.clone()))
        };
        ONE.lines().flat_map(placed).collect()
    };
    let borrowed = |files: &'static [(String, String)]| -> Vec<(&'static str, &'static [u8])> {
        files.iter().map(|(path, text)| (path.as_str(), text.as_bytes())).collect()
    };
    let [first, second] = [100, 150].map(|count| borrowed(hierarchies(count).leak()));
    let one = collected_with("containers = true", &first, &second);
    for found in [&collected("containers = true"), &one] {
        check(found, "container_memory_working_set_bytes", "", &Value::Gauge(4_000.0));
        check(found, "container_memory_limit_bytes", "", &Value::Gauge(1_048_576.0));
        check(found, "container_cpu_limit_cores", "", &Value::Gauge(0.5));
        check(found, "container_processes_limit", "", &Value::Gauge(100.0));
        check(found, "container_oom_kills_total", "", &Value::Counter(50.0));
        check(found, "container_cpu_time_seconds_total", ",cpu_mode=\"user\"", &Value::Counter(0.00005));
        check(found, "container_cpu_throttled_seconds_total", "", &Value::Counter(0.00005));
        check(found, "container_disk_io_bytes_total", ",disk_io_direction=\"read\"", &Value::Counter(100.0));
    }
    assert!(!one.keys().any(|series| series.starts_with("container_memory_usage_bytes{}")), "that is the host's own");
}

#[test]
fn commands_are_told_by_name_however_little_they_use() {
    let told = |more: &str| {
        let found = collected(&format!("top_processes = 0\n{more}"));
        found.keys().filter(|series| series.starts_with("process_")).count()
    };
    assert_eq!((told(""), told("process_names = [\"nginx\"]")), (0, 0));
    assert_eq!(told("process_names = [\"!x\", \"my *\"]"), 3);
}

#[test]
fn each_part_can_be_switched_off() {
    let everything = collected("").len();
    let mut left = everything;
    for (part, needed) in [
        ("cpu", "system_cpu_time_seconds_total"),
        ("memory", "system_memory_usage_bytes"),
        ("pressure", "system_pressure_stalled_seconds_total"),
        ("filesystem", "system_filesystem_usage_bytes"),
        ("disk", "system_disk_io_bytes_total"),
        ("network", "system_network_io_bytes_total"),
        ("sockets", "system_network_connections_count"),
        ("temperature", "hw_temperature_celsius"),
        ("container", "container_memory_usage_bytes"),
    ] {
        let found = collected(&format!("{part} = false"));
        assert!(!found.keys().any(|series| series.starts_with(needed)), "{part}");
        left -= everything - found.len();
    }
    let processes = collected("").keys().filter(|series| series.starts_with("system_file_d")).count();
    assert!(left > processes, "switching all off one by one counts each series once: {left}");
}

#[test]
fn choices_and_rules_apply() {
    let found = collected(
        "disk_partitions = true\nfilesystem_types = [\"!*\"]\ncpu_cores = false\nnetwork_interfaces = [\"veth*\", \"!*\"]\n\
         [[relabel]]\naction = \"drop\"\nsource_labels = [\"__name__\"]\nregex = \"system_linux_.*\"",
    );
    let has = |text: &str| found.keys().any(|series| series.contains(text));
    assert!(has("sda1\"") && has("veth1") && !has("eth0") && !has("filesystem") && !has("cpu_logical_number"));
    assert!(!has("system_linux") && has("system_memory_usage"));
}

#[test]
fn a_reload_goes_on_counting() {
    let root = TempDir::new().unwrap();
    write(root.path(), 100);
    let origin = Origin::new("h", &BTreeMap::new());
    let mut host = Host::new(origin.clone(), &settings(root.path(), ""));
    host.collect();
    write(root.path(), 130);
    host.reconfigure(origin, &settings(root.path(), "disk = false"));
    let found = host.collect();
    let counted = |(series, value): &(Series, Value)| {
        series.name() == "system_context_switches_total" && *value == Value::Counter(30.0)
    };
    assert!(found.iter().any(counted), "{found:#?}");
    assert!(!found.iter().any(|(series, _)| series.name() == "system_cpu_utilization_ratio"));
    assert!(!found.iter().any(|(series, _)| series.name().starts_with("system_disk")));
}

#[test]
fn a_host_that_tells_nothing_is_no_error() {
    let root = TempDir::new().unwrap();
    let mut host = Host::new(Origin::new("h", &BTreeMap::new()), &settings(root.path(), ""));
    host.collect();
    host.collect();
}

/// Two collections of a host that has just these files.
fn collected_of(first: &[(&str, &[u8])], second: &[(&str, &[u8])]) -> BTreeMap<String, Value> {
    collected_with("", first, second)
}

fn collected_with(more: &str, first: &[(&str, &[u8])], second: &[(&str, &[u8])]) -> BTreeMap<String, Value> {
    let root = TempDir::new().unwrap();
    let lay = |files: &[(&str, &[u8])]| {
        for (path, bytes) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    };
    std::fs::create_dir_all(root.path().join(std::ffi::OsStr::from_bytes(b"mnt/caf\xe9 x"))).unwrap();
    lay(first);
    let mut host = Host::new(Origin::new("h", &BTreeMap::new()), &settings(root.path(), more));
    host.collect();
    lay(second);
    host.collect().into_iter().map(|(series, value)| (series.with_label("host", "").to_string(), value)).collect()
}

#[test]
fn an_alias_of_an_interface_is_not_added_to_it() {
    let file = |count: u64| {
        let figures = |bytes: u64| format!("{bytes} 1 0 0 0 0 0 0 {bytes} 1 0 0 0 0 0 0");
        format!("a|b\n c|d\n tun10: {}\ntun10:1: {}\n", figures(1_000 * count), figures(9_000_000 + count)).into_bytes()
    };
    let found = collected_of(&[("proc/1/net/dev", &file(1))], &[("proc/1/net/dev", &file(2))]);
    let received = |name: &str| {
        let labels = format!("{{network_interface_name={name:?},network_io_direction=\"receive\"}}");
        found.get(&format!("system_network_io_bytes_total{labels}"))
    };
    assert_eq!(received("tun10"), Some(&Value::Counter(1_000.0)), "{found:#?}");
    assert_eq!(received("tun10:1"), Some(&Value::Counter(1.0)));
}

#[test]
fn a_cpu_mode_that_steps_back_adds_nothing() {
    let found = collected_of(
        &[("proc/stat", b"cpu 100 0 0 100 500000 0 0 0\n")],
        &[("proc/stat", b"cpu 200 0 0 200 499990 0 0 0\n")],
    );
    let waiting = found.get(r#"system_cpu_time_seconds_total{cpu_mode="iowait"}"#);
    assert_eq!(waiting, Some(&Value::Counter(0.0)), "{found:#?}");
    let user = found.get(r#"system_cpu_utilization_ratio{cpu_mode="user"}"#);
    assert_eq!(user, Some(&Value::Gauge(0.5)));
}

#[test]
fn a_mount_whose_path_is_no_text_is_named_by_a_mended_one_and_hides_no_other() {
    let mounts = b"22 1 8:2 / / rw - ext4 /dev/sda rw\n23 22 8:3 / /mnt/caf\xe9\\040x rw - ext4 /dev/sdb rw\n\
        24 22 8:4 / /mnt rw - ext4 /dev/sdc rw\n";
    let found = collected_of(&[], &[("proc/1/mountinfo", mounts)]);
    for path in ["/", "/mnt/caf\u{fffd} x", "/mnt"] {
        let named = format!("system_filesystem_mountpoint={path:?}");
        let read = |series: &String| series.starts_with("system_filesystem_read_only") && series.contains(&named);
        assert!(found.keys().any(read), "{path} is not in {found:#?}");
    }
}

#[test]
fn an_odd_value_costs_itself_only() {
    let found = collected_of(
        &[
            ("proc/1/net/netstat", b"TcpExt: ListenDrops ListenOverflows\nTcpExt: 7 7\n"),
            ("proc/vmstat", b"pswpin 7\n"),
        ],
        &[
            ("proc/1/net/netstat", b"TcpExt: ListenDrops ListenOverflows\nTcpExt: \xff 9\n"),
            ("proc/vmstat", b"pswpin \xff\noom_kill 1\n"),
        ],
    );
    assert_eq!(found.get("system_network_tcp_listen_overflows_total"), Some(&Value::Counter(2.0)), "{found:#?}");
    let odd = |series: &&String| series.contains("listen_drops") || series.contains("paging_operations");
    assert_eq!(found.keys().find(odd), None);
}

#[test]
fn a_source_that_hangs_is_left_out_and_named_until_it_answers() {
    let root = TempDir::new().unwrap();
    write(root.path(), 100);
    let pipe = root.path().join("sys/fs/cgroup/memory.current");
    std::fs::remove_file(&pipe).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut host = Host::new(Origin::new("h", &BTreeMap::new()), &settings(root.path(), ""));
    let has = |points: &[(Series, Value)], name: &str| points.iter().any(|(series, _)| series.name() == name);
    for _ in 0..3 {
        let began = std::time::Instant::now();
        let points = host.collect();
        assert!(has(&points, "system_uptime_seconds") && !has(&points, "container_memory_limit_bytes"));
        assert!(began.elapsed() < 3 * LIMIT);
        assert_eq!(host.hung(), ["container"]);
    }
    // Whoever opens it for writing ends the wait.
    std::fs::write(&pipe, "4096\n").unwrap();
    std::fs::remove_file(&pipe).unwrap();
    let deadline = std::time::Instant::now() + 10 * LIMIT;
    while !has(&host.collect(), "container_memory_limit_bytes") {
        assert!(std::time::Instant::now() < deadline, "{:?}", host.hung());
    }
    assert!(host.hung().is_empty());
}

/// Name and label names of every series.
fn shapes() -> BTreeSet<(String, Vec<String>)> {
    let shape = |series: &String| {
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let names = labels.split("\",").filter_map(|pair| Some(pair.split_once('=')?.0.to_owned()));
        (name.to_owned(), names.collect())
    };
    collected("containers = true").keys().map(shape).collect()
}

/// Rows of the table: series, labels, node_exporter's names.
fn rows() -> Vec<[Vec<String>; 3]> {
    let ticked = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').collect();
        (cells.len() == 7 && cells[1].trim().starts_with('`'))
            .then(|| [ticked(cells[1]), ticked(cells[2]), ticked(cells[5])])
    };
    TABLE.lines().filter_map(row).collect()
}

#[test]
fn the_table_lists_what_is_emitted() {
    let mut listed = BTreeSet::new();
    for [names, labels, _] in rows() {
        let mut labels = labels;
        labels.sort();
        // A label in the table's brackets is there on some of the series only.
        let sometimes: Vec<_> = labels.iter().filter(|label| label.starts_with('[')).cloned().collect();
        let always: Vec<_> = labels.iter().filter(|label| !label.starts_with('[')).cloned().collect();
        listed.insert((names[0].clone(), always.clone()));
        if !sometimes.is_empty() {
            let mut all: Vec<_> = labels.iter().map(|label| label.trim_matches(['[', ']']).to_owned()).collect();
            all.sort();
            listed.insert((names[0].clone(), all));
        }
    }
    assert_eq!(listed, shapes());
}

#[test]
fn the_rules_give_every_name_in_the_table_and_read_what_exists() {
    let emitted: BTreeSet<String> = shapes().into_iter().map(|(name, _)| name).collect();
    let line = |key: &str| {
        let prefix = format!("{key}: ");
        let found = RULES.lines().filter_map(move |line| line.trim().trim_start_matches("- ").strip_prefix(&prefix));
        found.map(str::to_owned).collect::<Vec<_>>()
    };
    let recorded: BTreeSet<String> = line("record").into_iter().collect();
    let wanted: BTreeSet<String> = rows().into_iter().flat_map(|[_, _, node]| node).collect();
    assert_eq!(recorded, wanted);
    for expression in line("expr") {
        promql_parser::parser::parse(&expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
        let names: Vec<_> = expression
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .filter(|word| ["system_", "process_", "hw_"].iter().any(|prefix| word.starts_with(prefix)))
            .filter(|word| !rows().iter().any(|[_, labels, _]| labels.iter().any(|label| label.contains(word))))
            .collect();
        assert!(!names.is_empty(), "{expression}");
        names.iter().for_each(|name| assert!(emitted.contains(*name), "{name} in {expression}"));
    }
}
