//! `weir up`: every station behind the agent, in one process: open, start, serve, drain.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use weir_gateway::identity::{Identity, IdentityConfig, Scope};
use weir_gateway::{Admission, Gateway, GatewayConfig};
use weir_queue::{Log, LogConfig};
use weir_sink::{Service, ServiceConfig, Sink, SinkConfig};
use weir_store::{Store, StoreConfig};

use crate::api::{auth, query, session};
use crate::config::{Config, UpArgs};
use crate::http::{self, Stations};
use crate::identity::now;
use crate::process;
use crate::shutdown::Shutdown;

/// Writer name of the one gateway that `weir up` runs.
const WRITER: &str = "up";

pub(crate) fn main(args: UpArgs) -> Result<()> {
    let config = Config::load(&args)?;
    run(config, |shutdown| {
        shutdown.wait();
        Ok(())
    })
}

/// The file from which agents on this host take their key.
pub(crate) fn keys_file(config: &Config) -> PathBuf {
    config.data.join("fleet.keys")
}

/// Runs the server until `beside`, which is called when everything serves, returns; then drains it.
pub(crate) fn run(config: Config, beside: impl FnOnce(&Shutdown) -> Result<()>) -> Result<()> {
    std::fs::create_dir_all(&config.data).with_context(|| format!("making {}", config.data.display()))?;
    let identity = Arc::new(Identity::open(identity_config(&config), now())?);
    let queue = config.data.join("queue");
    let (store, saved) = Store::open(&config.data.join("store"), StoreConfig::default())?;
    let store = Arc::new(store);
    let lateness = Duration::from_secs(config.sink.lateness_s);
    let sink = Sink::open(&SinkConfig { queue: queue.clone(), lateness }, store.clone(), &saved)?;
    let log = Arc::new(Log::open(&queue, WRITER, LogConfig::default())?);
    let admission = Admission::from(&*identity);
    let statsd = config.listen.statsd.0.map(|address| config.statsd.at(address));
    let gateway = GatewayConfig { batch: config.listen.batch, statsd, ..GatewayConfig::default() };
    let gateway = Gateway::bind(gateway, admission, log.clone()).context("binding the gateway's addresses")?;
    let listener = bind(config.listen.http)?;

    let checkpoint_interval = Duration::from_secs(config.sink.checkpoint_interval_s);
    let sink = Arc::new(Service::start(sink, ServiceConfig { checkpoint_interval }).context("starting the sink")?);
    let gateway = Arc::new(gateway.start()?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let _inside = runtime.enter();
    let shutdown = Shutdown::on_signals()?;
    let stations = Stations {
        ready: {
            let (gateway, sink) = (gateway.clone(), sink.clone());
            Box::new(move || match gateway.ready() {
                true => sink.ready(),
                false => Err("the gateway drains, or the queue takes no records: see weir_queue_healthy".into()),
            })
        },
        readings: {
            let (gateway, sink, store, log) = (gateway.clone(), sink.clone(), store.clone(), log.clone());
            let identity = identity.clone();
            Box::new(move || {
                let (gateway, log) = (gateway.readings(), log.readings());
                [gateway, log, sink.readings(), store.readings(), identity.readings(), process::readings()].concat()
            })
        },
        fleet: {
            let sink = sink.clone();
            Box::new(move || sink.fleet())
        },
    };
    let router = http::routes(Arc::new(stations))
        .merge(auth::guard(query::routes(store), identity.tokens.clone(), Scope::Read))
        .merge(session::routes(identity.clone(), channel(&config)));
    runtime.spawn(watch_identity(identity));
    let listener = tokio::net::TcpListener::from_std(listener)?;
    runtime.spawn(async move { axum::serve(listener, router).await });
    let (http, batch) = (config.listen.http, gateway.batch_address());
    let statsd = config.listen.statsd;
    tracing::info!(%http, %batch, %statsd, data = %config.data.display(), "serving");
    say_who_can_reach(&[config.listen.http, config.listen.batch]);
    if statsd.0.is_some_and(|address| !address.ip().is_loopback()) {
        tracing::warn!(%statsd, networks = ?config.statsd.networks, "StatsD is taken from these networks, unsealed");
    }

    let outcome = beside(&shutdown);
    tracing::info!("draining");
    gateway.drain();
    log.flush().context("making the queue durable")?;
    sink.drain().context("storing what is left in the queue")?;
    runtime.shutdown_timeout(Duration::from_secs(2));
    outcome
}

fn identity_config(config: &Config) -> IdentityConfig {
    IdentityConfig {
        fleet_keys: keys_file(config),
        denied_agents: config.identity.denied_agents.clone(),
        token_keys: config.identity.token_keys.clone(),
        session_lifetime: Duration::from_secs(config.identity.session_lifetime_s),
    }
}

/// Session keys may travel over loopback, which nobody else can read, without TLS.
fn channel(config: &Config) -> session::Channel {
    if config.listen.http.ip().is_loopback() { session::Channel::Private } else { session::Channel::Open }
}

/// Loads keys and lists again when their files change, and all of them on SIGHUP.
async fn watch_identity(identity: Arc<Identity>) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    loop {
        let outcomes = tokio::select! {
            _ = hangup.recv() => identity.reload(),
            () = tokio::time::sleep(Duration::from_secs(1)) => identity.reload_changed(),
        };
        for (set, outcome) in outcomes {
            match outcome {
                Ok(()) => tracing::info!(set, "reloaded"),
                Err(error) => tracing::error!(set, %error, "not reloaded, the old one stays in force"),
            }
        }
    }
}

fn say_who_can_reach(addresses: &[SocketAddr]) {
    match addresses.iter().find(|address| !address.ip().is_loopback()) {
        None => tracing::info!("listening on loopback only: nothing outside this host can reach this server"),
        Some(address) => {
            tracing::warn!(%address, "reachable from outside: whoever reaches the API can read all series")
        }
    }
}

fn bind(address: SocketAddr) -> Result<TcpListener> {
    let listener = TcpListener::bind(address).with_context(|| format!("binding {address} for HTTP"))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
