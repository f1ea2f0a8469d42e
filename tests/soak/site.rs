//! A site to hurt: servers in one of two layouts, agents, lossy ways between them, and two small disks.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use weir_tests::{Chance, Faults, Fleet, Relay, free_port};

use crate::counting::Counting;
use crate::process::{Process, within};

/// Which processes a site has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Two gateways and a sink around one queue.
    Roles,
    /// `weir up`.
    Up,
}

pub(crate) struct Site {
    pub(crate) gateways: Vec<Arc<Process>>,
    pub(crate) sink: Arc<Process>,
    pub(crate) agents: Vec<Arc<Process>>,
    /// Those of the agents, and those that send to gateways.
    pub(crate) counting: Vec<Counting>,
    /// None where this process may not mount any.
    pub(crate) queue_disk: Option<Disk>,
    pub(crate) store_disk: Option<Disk>,
    relays: Vec<Relay>,
    folder: PathBuf,
}

const AGENTS: usize = 3;
const SIMULATED: usize = 40;
const WAY: Faults = Faults { loss: 0.1, duplicate: 0.1, corrupt: 0.02, delay: Duration::from_millis(20) };
const CONFIG: &str = "[sink]\ncheckpoint_interval_s = 2\nlateness_s = 1\n";
const PATIENCE: Duration = Duration::from_secs(60);

impl Site {
    pub(crate) fn start(folder: &Path, layout: Layout, chance: &mut Chance) -> Self {
        fs::write(folder.join("weir.toml"), CONFIG).unwrap();
        let sink_name = if layout == Layout::Up { "up" } else { "sink" };
        let queue_disk = Disk::mount(&folder.join("queue"), "64m");
        let store_disk = Disk::mount(&folder.join(sink_name).join("store"), "96m");
        let at = folder.display();
        let server = |role: &str, name: &str| {
            let (http, batch, statsd) = (free_port(), free_port(), free_port());
            let statsd_or_off = if role == "sink" { "off".to_owned() } else { statsd.to_string() };
            let args = format!(
                "{role} --config {at}/weir.toml --http {http} --batch {batch} --statsd {statsd_or_off} \
                 --data {at}/{name} --queue {at}/queue --keys {at}/fleet.keys --writer {name}"
            );
            let process = Arc::new(Process::start(folder, ("weir", name), http, &args));
            let ready = within(PATIENCE, || process.get("/readyz").filter(|(status, _)| *status == 200));
            assert!(ready.is_some(), "{name} is not ready:\n{}", process.log());
            (process, batch, statsd)
        };
        let (gateways, sink) = match layout {
            Layout::Up => {
                let up = server("up", "up");
                (vec![up.clone()], up.0)
            }
            Layout::Roles => {
                let sink = server("sink", "sink").0;
                (["gateway-0", "gateway-1"].map(|name| server("gateway", name)).into(), sink)
            }
        };
        let relay = |batch| Relay::start(batch, WAY, chance.below(u64::MAX));
        let relays: Vec<Relay> = gateways.iter().map(|gateway| gateway.1).map(relay).collect();
        let ways = relays.iter().map(|relay| relay.address().to_string()).collect::<Vec<_>>().join(",");
        let mut counting: Vec<Counting> =
            gateways.iter().map(|(process, _, statsd)| Counting::straight(process.clone(), *statsd)).collect();
        let agents = (0..AGENTS).map(|number| {
            let (name, telemetry, statsd) = (format!("agent-{number}"), free_port(), free_port());
            let args = format!(
                "run --interval 1s --host {name} --server {ways} --keys {at}/fleet.keys --statsd {statsd} \
                 --telemetry {telemetry} --state {at}/{name}"
            );
            let agent = Arc::new(Process::start(folder, ("weir-agent", &name), telemetry, &args));
            counting.push(Counting::by_agent(agent.clone(), statsd));
            agent
        });
        let agents = agents.collect();
        let gateways = gateways.into_iter().map(|gateway| gateway.0).collect();
        Self { gateways, sink, agents, counting, queue_disk, store_disk, relays, folder: folder.to_owned() }
    }

    /// Every process, each once.
    pub(crate) fn processes(&self) -> Vec<&Arc<Process>> {
        let apart = (self.gateways[0].name != self.sink.name).then_some(&self.sink);
        self.gateways.iter().chain(apart).chain(&self.agents).collect()
    }

    pub(crate) fn servers(&self) -> Vec<&Arc<Process>> {
        let apart = (self.gateways[0].name != self.sink.name).then_some(&self.sink);
        self.gateways.iter().chain(apart).collect()
    }

    /// Simulated agents that push for so long by the same ways.
    pub(crate) fn fleet(&self, seconds: u64) -> Fleet {
        let servers: Vec<String> = self.relays.iter().map(|relay| relay.address().to_string()).collect();
        let mut args = format!(
            "--agents {SIMULATED} --metrics 20 --interval 1s --duration {seconds}s --patience 300s --workers 2 --keys {}",
            self.folder.join("fleet.keys").display()
        );
        servers.iter().for_each(|server| args += &format!(" --server {server}"));
        Fleet::start(&self.folder, "fleet", &args.split(' ').map(String::from).collect::<Vec<_>>())
    }

    pub(crate) fn datagrams_lost(&self) -> u64 {
        self.relays.iter().map(Relay::lost).sum()
    }
}

/// A small disk of its own.
pub(crate) struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path, size: &str) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let options = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(at.to_owned()))
    }

    /// Leaves no byte free; what a process gives up meanwhile is taken by the next call.
    pub(crate) fn fill(&self) {
        let mut file = fs::File::options().create(true).append(true).open(self.0.join(".filler")).unwrap();
        for size in [1 << 20, 1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
    }

    pub(crate) fn free(&self) {
        let _ = fs::remove_file(self.0.join(".filler"));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
