//! `weir up`, `weir gateway`, `weir sink` and `weir alert`: a server is bound, serves until it is told to stop, and drains.

mod current;
mod ending;
mod expiry;
mod http;
mod mover;
mod reload;
mod roles;
mod routes;
mod shutdown;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::runtime::{Builder, Runtime};

use crate::config::Config;
use crate::serving::{Descriptors, HandedOver};
pub(crate) use roles::Role;
use roles::Roles;
use shutdown::Shutdown;

/// A server that has all it listens on, and takes batches; it does not speak HTTP yet.
pub(crate) struct Bound {
    config: Config,
    roles: Arc<Roles>,
    http: TcpListener,
    /// HTTP connections that arrive at the port of batches.
    handed_over: HandedOver,
}

/// A server that serves.
pub(crate) struct Server {
    roles: Arc<Roles>,
    runtime: Runtime,
    shutdown: Shutdown,
}

impl Bound {
    /// Binds the addresses of the configuration and starts what a role takes.
    pub(crate) fn bind(config: Config, role: Role) -> Result<Self> {
        ending::with_its_threads();
        let descriptors = Descriptors::divided(weir_meters::process::raise_open_files());
        // The address of HTTP is first: where it is taken, nothing is opened.
        let address = config.listen.http;
        let http = TcpListener::bind(address).map_err(|error| {
            let holder = weir_link::holder("tcp", address, &error);
            anyhow::anyhow!("binding {address} for HTTP{holder}: {error} (--http names another address)")
        })?;
        http.set_nonblocking(true)?;
        let (roles, handed_over) = Roles::start(&config, role, descriptors)?;
        Ok(Self { config, roles: Arc::new(roles), http, handed_over })
    }

    /// Speaks HTTP and listens to signals.
    pub(crate) fn spawn(self) -> Result<Server> {
        let Self { config, roles, http, handed_over } = self;
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let inside = runtime.enter();
        let shutdown = Shutdown::on_signals()?;
        routes::serve(&config, &roles, http, handed_over)?;
        runtime.spawn(watch_files(roles.clone()));
        drop(inside);
        say_what_serves(&config, &roles);
        Ok(Server { roles, runtime, shutdown })
    }
}

impl Server {
    /// Waits for SIGINT or SIGTERM.
    pub(crate) fn wait(&self) {
        self.shutdown.wait();
    }

    /// Lets go of agents, stores what they have sent, and ends.
    pub(crate) fn drain(self) -> Result<()> {
        tracing::info!("draining");
        self.roles.drain()?;
        self.runtime.shutdown_timeout(Duration::from_secs(2));
        Ok(())
    }
}

/// Loads keys, lists and certificates again when their files change, and all of them on SIGHUP.
async fn watch_files(roles: Arc<Roles>) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    loop {
        let all = tokio::select! {
            _ = hangup.recv() => true,
            () = tokio::time::sleep(Duration::from_secs(1)) => false,
        };
        roles.reload(all);
    }
}

fn say_what_serves(config: &Config, roles: &Roles) {
    let (http, statsd, tls) = (config.listen.http, config.listen.statsd, config.tls.is_some());
    let batch = roles.batch_address().map_or_else(|| "off".to_owned(), |batch| batch.to_string());
    tracing::info!(%http, batch, %statsd, tls, data = %config.data.display(), "serving");
    let grpc = config.listen.otlp_grpc.0;
    let addresses: Vec<_> = [config.listen.http, config.listen.batch].into_iter().chain(grpc).collect();
    say_who_can_reach(config, &addresses);
    if statsd.0.is_some_and(|address| !address.ip().is_loopback()) {
        tracing::warn!(%statsd, networks = ?config.statsd.networks, "StatsD is taken from these networks, unsealed");
    }
    if let Some(grpc) = grpc {
        tracing::info!(%grpc, tls = config.tls.as_ref().is_some_and(|tls| tls.http), "OTLP over gRPC is taken");
    }
    if let Some(graphite) = config.listen.graphite.0 {
        tracing::info!(%graphite, networks = ?config.graphite.networks, "Graphite is taken from these networks, without tokens");
    }
}

fn say_who_can_reach(config: &Config, addresses: &[SocketAddr]) {
    match addresses.iter().find(|address| !address.ip().is_loopback()) {
        None => tracing::info!("listening on loopback only: nothing outside this host can reach this server"),
        Some(address) if config.identity.token_keys.is_empty() => {
            tracing::warn!(%address, "reachable from outside: whoever reaches the API can read all series");
        }
        Some(_) => {}
    }
}
