//! `weir up`, `weir gateway` and `weir sink`: start the roles, serve, drain.

mod http;
mod listener;
mod mover;
mod reload;
mod roles;
mod shutdown;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use weir_identity::Scope;

use crate::api::{auth, cardinality, query, session, write};
use crate::config::{Config, UpArgs};
use listener::HandedOver;
pub(crate) use roles::Role;
use roles::Roles;
use shutdown::Shutdown;

pub(crate) fn main(args: &UpArgs, role: Role) -> Result<()> {
    run(Config::load(args)?, role, |shutdown| {
        shutdown.wait();
        Ok(())
    })
}

/// Runs the server until `beside`, which is called when everything serves, returns; then drains it.
pub(crate) fn run(config: Config, role: Role, beside: impl FnOnce(&Shutdown) -> Result<()>) -> Result<()> {
    weir_meters::process::raise_open_files();
    let listener = bind(config.listen.http)?;
    let (roles, handed_over) = Roles::start(&config, role)?;
    let roles = Arc::new(roles);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let _inside = runtime.enter();
    let shutdown = Shutdown::on_signals()?;
    serve(&config, &roles, listener, handed_over)?;
    runtime.spawn(watch_files(roles.clone()));
    say_what_serves(&config, &roles);

    let outcome = beside(&shutdown);
    tracing::info!("draining");
    roles.drain()?;
    runtime.shutdown_timeout(Duration::from_secs(2));
    outcome
}

fn serve(config: &Config, roles: &Arc<Roles>, listener: TcpListener, handed_over: HandedOver) -> Result<()> {
    let tls = roles.tls.clone().filter(|_| config.tls.as_ref().is_some_and(|tls| tls.http));
    let private = tls.is_some() || config.listen.http.ip().is_loopback();
    let channel = if private { session::Channel::Private } else { session::Channel::Open };
    let identity = &roles.identity;
    let mut router = http::routes(roles.clone());
    if let Some(storage) = &roles.storage {
        let queries = query::routes(storage.store.clone(), storage.engine.clone());
        let queries = queries.merge(http::fleet_routes(roles.clone()));
        let queries = auth::guard(queries, identity.tokens.clone(), Scope::Read);
        router = router.merge(queries);
    }
    if let Some(admission) = roles.admission() {
        let tokens = identity.tokens.clone();
        router = router.merge(auth::guard(cardinality::routes(admission), tokens, Scope::Read));
    }
    if let Some(queue) = roles.queue() {
        let writes = write::routes(queue, config.store.longest(), roles.remote_write.clone());
        router = router.merge(auth::guard(writes, identity.tokens.clone(), Scope::Ingest));
    }
    let listener = tokio::net::TcpListener::from_std(listener)?;
    listener::serve(listener, tls, router.merge(session::routes(identity.clone(), roles.queue(), channel)))?;
    // Agents find sessions at the address that they send batches to; nothing else is served there.
    handed_over.serve(session::routes(identity.clone(), roles.queue(), session::Channel::Private));
    Ok(())
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
    say_who_can_reach(config, &[config.listen.http, config.listen.batch]);
    if statsd.0.is_some_and(|address| !address.ip().is_loopback()) {
        tracing::warn!(%statsd, networks = ?config.statsd.networks, "StatsD is taken from these networks, unsealed");
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

fn bind(address: SocketAddr) -> Result<TcpListener> {
    let listener = TcpListener::bind(address).with_context(|| format!("binding {address} for HTTP"))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
