//! `weir bench fleet`: simulated agents with ids, keys and epochs of their own, and an exact account of what they sent.

mod host;
mod progress;
mod ramp;
mod tally;
mod tls;
mod udp;

use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use weir_files::say;
use weir_sample::Window;
use weir_wire::{Encoder, Epoch, FleetKey, HEADER_BYTES, Route, TAG_BYTES, newest_active_key, parse_fleet_keys};

use super::cost::ServerCost;
use crate::clock::{duration, now};
use crate::cmd::ask;

use host::{Host, Plan};
use progress::Progress;
use ramp::Ramp;
use tally::Tally;
use tls::TlsIdentity;

#[derive(clap::Args)]
pub(crate) struct FleetArgs {
    /// Agents to simulate
    #[arg(long, default_value_t = 1_000)]
    agents: u64,
    /// Agents at work in the course of the run, as multiples of --agents spread evenly over it, in a straight line from
    /// each to the next: 1,8,8,1 rises for a third of the time, stays, and falls
    #[arg(long, value_delimiter = ',', default_value = "1", value_name = "FACTORS")]
    ramp: Vec<f64>,
    /// Metrics of each, half counters and half gauges
    #[arg(long, default_value_t = 100)]
    metrics: usize,
    /// Time between the batches of one agent
    #[arg(long, default_value = "10s", value_parser = duration)]
    interval: Duration,
    /// How long to push
    #[arg(long, default_value = "60s", value_parser = duration)]
    duration: Duration,
    /// Where gateways listen; several are shared out
    #[arg(long, default_value = "127.0.0.1:8640")]
    server: Vec<SocketAddr>,
    /// File of fleet keys
    #[arg(long)]
    keys: PathBuf,
    /// Tenant that the agents belong to
    #[arg(long, default_value_t = 0)]
    tenant: u32,
    /// Share of datagrams to lose on purpose, each way
    #[arg(long, default_value_t = 0.0)]
    loss: f64,
    /// By which way
    #[arg(long, value_enum, default_value = "udp")]
    transport: Transport,
    /// Certificates of the authorities that vouch for the servers; for TLS
    #[arg(long, required_if_eq("transport", "tls"))]
    ca: Option<PathBuf>,
    /// File with a token for the first frame of each stream; for TLS, where the servers check tokens
    #[arg(long)]
    token: Option<PathBuf>,
    /// Threads, each with a socket of its own
    #[arg(long, default_value_t = 4)]
    workers: u64,
    /// How long to wait for the last acks after the end
    #[arg(long, default_value = "30s", value_parser = duration)]
    patience: Duration,
    /// Print a JSON line so often: agents at work, what was sent and acked since the last line, and how long acks took
    #[arg(long, value_parser = duration)]
    progress: Option<Duration>,
    /// HTTP address of the server, to compare what it stored and what that cost, such as http://127.0.0.1:8641
    #[arg(long)]
    http: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Transport {
    /// Sealed datagrams
    Udp,
    /// A TLS stream for each agent
    Tls,
}

/// IPv4 and UDP headers of a datagram.
const IP_UDP_BYTES: u64 = 28;

pub(crate) fn main(args: &FleetArgs) -> Result<()> {
    ensure!(args.agents > 0 && args.metrics > 0 && args.workers > 0, "agents, metrics and workers must be at least 1");
    ensure!(args.loss == 0.0 || args.transport == Transport::Udp, "--loss is for datagrams: TLS sends again by itself");
    ensure!((0.0..1.0).contains(&args.loss), "--loss is a share from 0 to below 1");
    ensure!(args.ramp.iter().all(|factor| (0.0..=1e6).contains(factor)), "--ramp takes factors from 0 up");
    let _ = weir_meters::process::raise_open_files();
    let plan = Arc::new(plan(args)?);
    let tally = Arc::new(Tally::default());
    let before = args.http.as_deref().map(ServerCost::read).transpose()?;
    let elapsed = push(args, &plan, &tally)?;
    let mut report = report(&plan, &tally, elapsed);
    if let (Some(server), Some(before)) = (&args.http, before) {
        compare(server, &plan, &tally, &before, &mut report)?;
    }
    say!("{}", Value::Object(report));
    Ok(())
}

fn plan(args: &FleetArgs) -> Result<Plan> {
    let at = now();
    let windows = u32::try_from((args.duration.as_millis() / args.interval.as_millis()).max(1))?;
    let run_number = host::mix(at.millis() as u64 ^ u64::from(std::process::id()) << 48);
    Ok(Plan {
        run: format!("{:08x}", run_number >> 32),
        run_number,
        shapes: host::shapes(args.metrics),
        interval: args.interval,
        windows,
        ramp: Ramp { agents: args.agents, factors: args.ramp.clone() },
        first_end: Window::containing(at, args.interval).start(),
        key: fleet_key(&args.keys)?,
        tenant: args.tenant,
        expires: u32::MAX,
        epoch: Epoch::next(None, at, run_number as u16),
        route: if args.transport == Transport::Tls { Route::Tls } else { Route::Udp },
    })
}

fn fleet_key(path: &Path) -> Result<FleetKey> {
    let text = weir_files::read_secret(path).context("reading the fleet keys")?;
    let lines = parse_fleet_keys(&text).with_context(|| path.display().to_string())?;
    newest_active_key(lines).with_context(|| format!("{} holds no active key", path.display()))
}

/// Runs all workers to their end. Returns how long pushing took, the making of hosts not included.
fn push(args: &FleetArgs, plan: &Arc<Plan>, tally: &Arc<Tally>) -> Result<Duration> {
    let agents = plan.ramp.most(plan.windows);
    let count = args.workers.min(agents);
    ensure!(count > 0, "--ramp leaves no agent at work");
    let identity = args.ca.as_ref().map(|ca| TlsIdentity::load(ca, args.token.as_deref())).transpose()?;
    let identity = identity.filter(|_| args.transport == Transport::Tls);
    std::thread::scope(|scope| {
        let identity = identity.as_ref();
        let make = |first| move || Worker::new(args, plan, tally, identity, first..agents, count);
        let making: Vec<_> = (0..count).map(|first| scope.spawn(make(first))).collect();
        let workers: Vec<_> =
            making.into_iter().map(|worker| worker.join().expect("making hosts does not panic")).collect();
        let start = Instant::now();
        let deadline = start + plan.interval * plan.windows + args.patience;
        let running: Vec<_> = workers
            .into_iter()
            .map(|worker| scope.spawn(move || worker.and_then(|worker| worker.run(start, deadline))))
            .collect();
        if let Some(every) = args.progress {
            Progress::new(plan, tally).report(every, start, || running.iter().all(|worker| worker.is_finished()));
        }
        for worker in running {
            worker.join().expect("workers do not panic")?;
        }
        Ok(start.elapsed())
    })
}

/// A share of the fleet by one of the ways.
enum Worker<'a> {
    Udp(Box<udp::Worker<'a>>),
    Tls(tls::Worker),
}

impl<'a> Worker<'a> {
    fn new(
        args: &'a FleetArgs,
        plan: &'a Arc<Plan>,
        tally: &'a Arc<Tally>,
        identity: Option<&TlsIdentity>,
        numbers: Range<u64>,
        stride: u64,
    ) -> Result<Self> {
        let (first, mut encoder) = (numbers.start, Encoder::new());
        let hosts = numbers.step_by(stride as usize).map(|number| Host::new(plan, number, &mut encoder)).collect();
        Ok(match identity {
            None => {
                Self::Udp(Box::new(udp::Worker::new(plan, tally, &args.server, args.loss, hosts, (first, stride))?))
            }
            Some(identity) => Self::Tls(tls::Worker {
                plan: plan.clone(),
                tally: tally.clone(),
                servers: args.server.clone(),
                identity: identity.clone(),
                hosts,
            }),
        })
    }

    fn run(self, start: Instant, deadline: Instant) -> Result<()> {
        match self {
            Self::Udp(worker) => worker.run(start, deadline),
            Self::Tls(worker) => worker.run(start, deadline),
        }
    }
}

fn report(plan: &Plan, tally: &Tally, elapsed: Duration) -> Map<String, Value> {
    let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Relaxed);
    let batches = read(&tally.batches_sent);
    let overhead = (HEADER_BYTES + TAG_BYTES) as u64 + IP_UDP_BYTES;
    let wire_bytes = read(&tally.payload_bytes) + batches * overhead;
    let report = json!({
        "run": plan.run,
        "samples_sent": read(&tally.samples_sent),
        "samples_acked": read(&tally.samples_acked),
        "batches_sent": batches,
        "batches_resent": read(&tally.batches_resent),
        "batches_unacked": read(&tally.batches_unacked),
        "datagrams_lost_on_purpose": read(&tally.datagrams_lost),
        "wire_bytes_per_sample": rounded(wire_bytes as f64 / read(&tally.samples_sent).max(1) as f64),
        "ack_p50_ms": rounded(tally.ack_quantile_ms(0.5)),
        "ack_p99_ms": rounded(tally.ack_quantile_ms(0.99)),
        "elapsed_s": rounded(elapsed.as_secs_f64()),
        "counter_sum": read(&tally.counter_sum),
    });
    match report {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// Waits until the server has stored what was acked, or does not come closer, and adds what it says to the report.
fn compare(
    server: &str,
    plan: &Plan,
    tally: &Tally,
    before: &ServerCost,
    report: &mut Map<String, Value>,
) -> Result<()> {
    let expected = tally.counter_sum.load(Relaxed);
    // What the queue holds is stored first; the question that checks it is not part of the cost.
    let after = ServerCost::settled(server)?;
    let stored = stored_sum(server, plan, expected)?;
    let samples = tally.samples_acked.load(Relaxed).max(1) as f64;
    let cpu_s = after.cpu_s - before.cpu_s;
    report.insert("counter_stored".into(), json!(stored));
    report.insert("counter_doubled".into(), json!((stored - expected as f64).max(0.0)));
    report.insert("counter_missing".into(), json!((expected as f64 - stored).max(0.0)));
    report.insert("server_cpu_s".into(), json!(rounded(cpu_s)));
    report.insert("server_cpu_ns_per_sample".into(), json!(rounded(cpu_s * 1e9 / samples)));
    let datagrams = (after.datagrams - before.datagrams).max(1.0);
    let gateway_cpu_s = after.gateway_cpu_s - before.gateway_cpu_s;
    report.insert("gateway_cpu_ns_per_datagram".into(), json!(rounded(gateway_cpu_s * 1e9 / datagrams)));
    report.insert("gateway_cpu_ns_per_sample".into(), json!(rounded(gateway_cpu_s * 1e9 / samples)));
    report.insert("server_rss_bytes".into(), json!(after.rss_bytes));
    Ok(())
}

fn stored_sum(server: &str, plan: &Plan, expected: u64) -> Result<f64> {
    // Agents that a ramp has sent home have no newer samples than from then.
    let since_s = (plan.interval * plan.windows).as_secs() + 60;
    let counter = format!("weir_bench_requests_total{{run=\"{}\"}}", plan.run);
    let promql = match plan.ramp.factors.len() {
        1 => format!("sum({counter})"),
        _ => format!("sum(last_over_time({counter}[{since_s}s]))"),
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let last_end = plan.first_end.plus(plan.interval * (plan.windows - 1));
        let answer = ask::instant(server, &promql, Some(last_end.as_secs_f64()), None)?;
        let value = answer["data"]["result"][0]["value"][1].as_str().and_then(|text| text.parse().ok());
        let stored: f64 = value.unwrap_or(0.0);
        if stored >= expected as f64 || Instant::now() > deadline {
            return Ok(stored);
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// Two decimals are as much as these figures are worth.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
