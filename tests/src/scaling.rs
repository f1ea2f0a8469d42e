//! A site that grows and shrinks: nginx, the gateways behind it, one sink, two fleets, and a controller that follows the
//! gateways' saturation.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::{Autoscaler, Balancer, Fleet, Policy, Quota, Server, eventually, program, start_role};

/// What to run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Agents by UDP at a factor of 1, each with 100 metrics a second; a tenth as many more by TLS.
    pub agents: u64,
    /// Factors, as `weir bench fleet --ramp` takes them.
    pub ramp: &'static str,
    /// How long the fleets push.
    pub duration: Duration,
    /// Cores that each gateway has.
    pub cores: f64,
    /// Hold gateways to their cores by the kernel, where the system lets us; else they are only told how many they have.
    pub quotas: bool,
    /// How the controller follows.
    pub policy: Policy,
}

/// What the controller saw at one look.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Since the start.
    pub at: Duration,
    /// Gateways that the balancer leads to.
    pub serving: usize,
    /// Gateways that drain.
    pub draining: usize,
    /// Mean saturation of those that serve.
    pub saturation: f64,
    /// That of the fullest.
    pub fullest: f64,
}

/// What the UDP fleet said of one second.
#[derive(Clone, Copy, Debug)]
pub struct Second {
    /// Since the start of the controller.
    pub at: Duration,
    /// Samples sent in it, by both fleets.
    pub sent: f64,
    /// From the first send to the ack, for 99 of 100 batches.
    pub ack_p99_ms: Option<f64>,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// Every look of the controller.
    pub moments: Vec<Moment>,
    /// Every second of the fleet.
    pub seconds: Vec<Second>,
    /// How the gateways ended that were drained.
    pub exits: Vec<ExitStatus>,
    /// The reports of the fleets, by UDP and by TLS.
    pub reports: Vec<Value>,
    /// Whether the kernel held the gateways to their cores.
    pub held: bool,
}

/// A gateway with what it may use.
struct Gateway {
    server: Server,
    quota: Option<Quota>,
}

struct Site<'a> {
    folder: &'a Path,
    scenario: &'a Scenario,
    balancer: Balancer,
    sink: Server,
    serving: Vec<Gateway>,
    draining: Vec<Gateway>,
    started: usize,
    exits: Vec<ExitStatus>,
    seconds: Vec<Second>,
}

const LOOK: Duration = Duration::from_secs(1);
/// For the fleets to end after their time, and for the last gateways to leave.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs it. Everything lives in `folder` and ends with the call.
pub fn run(folder: &Path, scenario: &Scenario) -> Outcome {
    let mut site = Site::start(folder, scenario);
    let held = site.serving[0].quota.is_some();
    let mut fleets = [site.fleet("udp"), site.fleet("tls")];
    let (start, mut autoscaler, mut moments) = (Instant::now(), Autoscaler::new(scenario.policy), Vec::new());
    loop {
        std::thread::sleep(LOOK);
        let at = start.elapsed();
        site.note_seconds(at, &mut fleets);
        site.reap();
        let moment = site.look(at);
        moments.push(moment);
        let pushing = fleets.iter_mut().any(|fleet| fleet.program.is_running());
        if !pushing && site.serving.len() == 1 && site.draining.is_empty() {
            break;
        }
        assert!(at < scenario.duration + PATIENCE, "it does not come to rest: {moment:?}");
        site.scale_to(autoscaler.desired(Instant::now(), moment.serving, moment.saturation));
    }
    let reports = fleets.iter().map(Fleet::report).collect();
    Outcome { moments, seconds: site.seconds, exits: site.exits, reports, held }
}

impl<'a> Site<'a> {
    fn start(folder: &'a Path, scenario: &'a Scenario) -> Self {
        let path = |name: &str| folder.join(name).display().to_string();
        let made = Command::new(program("weir")).args(["certs", "dev", &path("certs")]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let told = if scenario.quotas { 0.0 } else { scenario.cores };
        let config = format!(
            "[sink]\ncheckpoint_interval_s = 5\nlateness_s = 1\n[gateway]\ncpu_cores = {told:?}\n\
             [tls]\ncertificates = {:?}\nkey = {:?}\nhttp = false\n",
            path("certs/server.pem"),
            path("certs/server.key")
        );
        fs::write(path("weir.toml"), config).unwrap();
        let sink = start_role(folder, "sink", "sink", &[]);
        let first = Gateway::start(folder, 0, scenario);
        let balancer = Balancer::start(folder, &[&first.server]);
        let (draining, exits, seconds) = (Vec::new(), Vec::new(), Vec::new());
        Self { folder, scenario, balancer, sink, serving: vec![first], draining, started: 1, exits, seconds }
    }

    fn fleet(&self, transport: &str) -> Fleet {
        let (agents, workers) =
            if transport == "udp" { (self.scenario.agents, 32) } else { (self.scenario.agents / 10, 1) };
        let path = |name: &str| self.folder.join(name).display().to_string();
        let args = [
            ("--agents", agents.max(1).to_string()),
            ("--ramp", self.scenario.ramp.to_owned()),
            ("--interval", "1s".to_owned()),
            ("--duration", format!("{}s", self.scenario.duration.as_secs())),
            ("--patience", "60s".to_owned()),
            ("--transport", transport.to_owned()),
            ("--ca", path("certs/ca.pem")),
            ("--workers", workers.to_string()),
            ("--server", self.balancer.address.to_string()),
            ("--keys", path("fleet.keys")),
            ("--http", format!("http://{}", self.sink.ports.http)),
        ];
        let args: Vec<String> = args.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect();
        Fleet::start(self.folder, transport, &args)
    }

    /// One second of both fleets is one entry; the few by TLS are not asked how long their acks took.
    fn note_seconds(&mut self, at: Duration, fleets: &mut [Fleet; 2]) {
        let [udp, tls] = fleets.each_mut().map(Fleet::lines);
        let sent = |line: &Value| line["samples_sent"].as_f64().unwrap_or(0.0);
        let (beside, many) = (tls.iter().map(sent).sum::<f64>(), udp.len() as f64);
        for line in udp.iter().filter(|line| line["at_s"].is_number()) {
            let sent = sent(line) + beside / many;
            self.seconds.push(Second { at, sent, ack_p99_ms: line["ack_p99_ms"].as_f64() });
        }
    }

    fn look(&self, at: Duration) -> Moment {
        let saturation = |gateway: &Gateway| gateway.server.reading("weir_gateway_saturation_ratio");
        let saturations: Vec<f64> = self.serving.iter().filter_map(saturation).collect();
        Moment {
            at,
            serving: self.serving.len(),
            draining: self.draining.len(),
            saturation: saturations.iter().sum::<f64>() / saturations.len().max(1) as f64,
            fullest: saturations.iter().copied().fold(0.0, f64::max),
        }
    }

    /// Takes note of the gateways that have drained.
    fn reap(&mut self) {
        for mut gateway in std::mem::take(&mut self.draining) {
            match gateway.server.program.ended() {
                Some(status) => self.exits.push(status),
                None => self.draining.push(gateway),
            }
        }
    }

    fn scale_to(&mut self, wanted: usize) {
        if wanted == self.serving.len() {
            return;
        }
        while self.serving.len() < wanted {
            self.serving.push(Gateway::start(self.folder, self.started, self.scenario));
            self.started += 1;
        }
        let leaving = self.serving.split_off(wanted);
        self.balancer.lead_to(&self.serving.iter().map(|gateway| &gateway.server).collect::<Vec<_>>());
        leaving.iter().for_each(|gateway| gateway.server.program.signal(Signal::TERM));
        self.draining.extend(leaving);
    }
}

impl Gateway {
    fn start(folder: &Path, number: usize, scenario: &Scenario) -> Self {
        let server = start_role(folder, "gateway", &format!("gateway-{number}"), &[]);
        let quota = scenario.quotas.then(|| Quota::around(server.program.id(), scenario.cores)).flatten();
        Self { server, quota }
    }
}

/// The cores that one gateway uses for a fleet of so many agents, by UDP and straight to it.
pub fn cores_used(folder: &Path, agents: u64) -> f64 {
    let gateway = start_role(folder, "gateway", "measured", &[]);
    let args = [
        ("--agents", agents.to_string()),
        ("--interval", "1s".to_owned()),
        ("--duration", "30s".to_owned()),
        ("--workers", "32".to_owned()),
        ("--server", gateway.ports.batch.to_string()),
        ("--keys", folder.join("fleet.keys").display().to_string()),
    ];
    let args: Vec<String> = args.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect();
    let fleet = Fleet::start(folder, "measure", &args);
    let used = || Some(gateway.reading("weir_gateway_cpu_ratio")? * gateway.reading("weir_gateway_cpu_cores")?);
    let acked = || gateway.reading("weir_gateway_acked_batches_total");
    let enough = (6 * agents) as f64;
    eventually("a gateway at work", PATIENCE, || acked().filter(|acked| *acked >= enough));
    let used = used().unwrap();
    drop(fleet);
    used
}
