//! Which routes are served where, and behind which scope.

use std::net::TcpListener;
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use weir_identity::Scope;

use super::current::refuse_without_store;
use super::http;
use super::roles::{Roles, SinkRole};
use crate::alerting::forwarded;
use crate::api::{
    agents, alerts, auth, cardinality, dashboards, events, exemplars, prometheus, query, rules, session, why, write,
};
use crate::config::Config;
use crate::front;
use crate::serving::{HandedOver, Port, Protocol, Site, answering};

/// Serves the routes of all roles in the background, and sessions at the port of batches. Must be called inside a tokio
/// runtime.
pub(super) fn serve(config: &Config, roles: &Arc<Roles>, listener: TcpListener, handed_over: HandedOver) -> Result<()> {
    let tls = roles.tls.clone().filter(|_| config.tls.as_ref().is_some_and(|tls| tls.http));
    let private = tls.is_some() || config.listen.http.ip().is_loopback();
    let channel = if private { session::Channel::Private } else { session::Channel::Open };
    let sessions = |channel| session::routes(roles.identity.clone(), roles.queue(), channel);
    // Before anybody is told that all is ready.
    if let Some((address, queue)) = config.listen.graphite.0.zip(roles.queue()) {
        let (kept, networks) = (config.store.longest(), &config.graphite.networks);
        let listening = write::listen_for_graphite(address, queue, kept, &roles.written, networks);
        listening.with_context(|| format!("binding {address} for Graphite"))?;
    }
    let door = roles.queue().map(|queue| write::Door::new(queue, config.store.longest(), Arc::default()));
    #[cfg(feature = "otlp-grpc")]
    if let Some((address, door)) = config.listen.otlp_grpc.0.zip(door.as_ref()) {
        let router = write::grpc_routes(door, &roles.written, &config.otlp);
        let router = auth::guard(router, roles.identity.tokens.clone(), Scope::Ingest);
        calls(address, roles, tls.clone(), router).with_context(|| format!("binding {address} for OTLP over gRPC"))?;
    }
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let site = Site::new(roles.identity.tokens.is_none(), &config.listen.hosts, &config.listen.cors);
    let router = answering(routes(config, roles, door).merge(sessions(channel)), &config.listen.cors);
    roles.serving.port(listener, Port { tls, site: Arc::new(site.clone()), router, protocol: Protocol::Http });
    // Agents find sessions at the address that they send batches to; nothing else is served there, and whoever comes has
    // looked at the certificate.
    let site = Site { is_checked: false, ..site };
    roles.serving.handed_over(handed_over, site, sessions(session::Channel::Private));
    Ok(())
}

/// Serves gRPC at an address of its own.
#[cfg(feature = "otlp-grpc")]
fn calls(
    address: std::net::SocketAddr,
    roles: &Arc<Roles>,
    tls: Option<Arc<weir_link::ServerTls>>,
    router: Router,
) -> std::io::Result<()> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    // Pages of other sites have browsers carry requests to any name, but no browser speaks HTTP/2 that was not agreed on by TLS for a
    // certificate of that name.
    let site = Arc::new(Site { is_checked: false, ..Site::default() });
    roles.serving.port(listener, Port { tls, site, router, protocol: Protocol::Grpc });
    Ok(())
}

fn routes(config: &Config, roles: &Arc<Roles>, door: Option<write::Door>) -> Router {
    let guard = |routes: Router, scope| auth::guard(routes, roles.identity.tokens.clone(), scope);
    let mut router = http::routes(roles.clone());
    if let Some(sink) = &roles.sink {
        let store = sink.store();
        let api = query::Api::new(sink.source(), sink.engine.clone(), Some(sink.watermark())).telling(sink.told());
        let queries = query::routes_of(api.clone()).merge(why::routes(api, way(config, roles, sink)));
        let queries = queries.layer(axum::middleware::from_fn_with_state(store, refuse_without_store));
        let queries = queries.merge(http::fleet_routes(roles.clone()));
        let queries = queries.merge(cardinality::routes(sink.admission())).merge(agents::routes(sink.agents()));
        let queries = queries.merge(exemplars::routes(sink.exemplars()));
        let queries = queries.merge(events::routes(config.events.kept_in(&config.data).folder));
        router = router.merge(guard(queries, Scope::Read));
    }
    if roles.sink.is_some() || roles.engines.is_some() {
        let folder = Arc::new(dashboards::Folder::new(config.dashboards()));
        router = router.merge(dashboards::routes(folder, roles.identity.tokens.as_ref()));
    }
    if let Some(alerting) = &roles.alerting {
        let rules = guard(rules::routes(alerting.standing.clone(), alerting.api()), Scope::AlertsRead);
        let alerts = alerts::routes(alerting.api(), roles.identity.tokens.as_ref());
        let texts = rules::RuleTexts::new(&config.alerting, config.folder(), &config.data);
        let texts = rules::text_routes(Arc::new(texts), roles.identity.tokens.as_ref());
        router = router.merge(forwarded(rules.merge(alerts).merge(texts), alerting.elsewhere()));
    }
    if roles.sink.is_some() || roles.engines.is_some() {
        router = router.merge(guard(prometheus::routes(facts(config, roles)), Scope::Read));
    }
    if roles.sink.is_some() && roles.alerting.is_none() {
        router = router.merge(guard(rules::none(), Scope::AlertsRead));
    }
    if let Some((engines, engine)) = &roles.engines {
        router = router.merge(guard(query::routes(engines.clone(), engine.clone(), None), Scope::Read));
    }
    if let Some(copies) = &roles.front {
        // Copies check tokens themselves.
        router = router.merge(front::routes(copies.clone()));
    }
    if let Some((queue, door)) = roles.queue().zip(door) {
        let writes = write::routes(door, &roles.written, &config.otlp);
        let writes = guard(writes, Scope::Ingest).layer(axum::middleware::map_request(write::as_bearer));
        let scrapes = write::scrapes::routes(queue, config.store.longest(), &roles.written, roles.identity.clone());
        router = router.merge(writes).merge(scrapes).merge(write::greetings());
    }
    router.method_not_allowed_fallback(prometheus::wrong_method).fallback(prometheus::nothing_there)
}

/// What is known here of the way of a sample.
fn way(config: &Config, roles: &Arc<Roles>, sink: &SinkRole) -> why::Ground {
    let (store, gateway) = (config.store.clone(), roles.clone());
    why::Ground {
        agents: sink.agents(),
        admission: sink.admission(),
        behind: sink.behind(),
        gateway: Arc::new(move || gateway.gateway_readings()),
        written: roles.written.clone(),
        kept: Arc::new(move |metric| store.kept(metric)),
    }
}

fn facts(config: &Config, roles: &Arc<Roles>) -> prometheus::Facts {
    let (of_store, of_ready) = (roles.clone(), roles.clone());
    let store = move || {
        let stats = of_store.sink.as_ref()?.store().current()?.stats();
        let newest = of_store.sink.as_ref().and_then(|sink| (sink.watermark())(None)).unwrap_or_default();
        Some(prometheus::StoreFacts { series: stats.series, newest })
    };
    prometheus::Facts {
        started: crate::clock::now(),
        keeps_exemplars: roles.sink.is_some(),
        config: config.file.clone(),
        retention: config.store.raw_retention(),
        store: Arc::new(store),
        ready: Arc::new(move || of_ready.ready().map(drop)),
    }
}
