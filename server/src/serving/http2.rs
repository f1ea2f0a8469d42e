//! One connection of HTTP/2, for calls of gRPC: several at once, each bounded as a request of HTTP/1.1 is, and the connection let go when
//! nobody calls any more.

use std::pin::pin;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::connection::{Connection, HEAD};
use super::counters::Closed;
use super::grpc;
use super::stall::Paced;

/// Calls of one connection at once. An exporter makes one, a collector some ten.
const MOST_CALLS: u32 = 32;

/// What a connection may have sent before its calls are read: their bodies wait here for their turn, and memory is bounded by it. At
/// 20 ms to the client it allows 12 MB a second.
const WINDOW_BYTES: u32 = 256 << 10;

/// What a call's head may have.
const HEADERS_BYTES: u32 = 16 << 10;

/// Time without a call after which a connection is let go; exporters call every minute.
const IDLE: Duration = Duration::from_secs(150);

/// Time that a client has to see that the connection ends.
const PARTING: Duration = Duration::from_secs(5);

/// Pause between pings of a connection, and the time for their answer: a client that is gone keeps its connection no longer.
const PING: Duration = Duration::from_secs(60);
const PONG: Duration = Duration::from_secs(20);

/// Answers calls until the client or a time limit ends the connection.
pub(super) async fn run<S>(connection: Connection, stream: S, router: Router, _slot: OwnedSemaphorePermit)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let calls = Arc::new(Calls::new());
    let router = TowerToHyperService::new(router);
    let stream = TokioIo::new(Paced::new(stream, Arc::clone(&connection.progress)));
    let service = service_fn(|request: Request<Incoming>| {
        let (connection, router, call) = (connection.clone(), router.clone(), Call::begun(&calls));
        async move {
            let _call = call;
            Ok::<Response, std::convert::Infallible>(answer(&connection, router, request).await)
        }
    });
    let mut http = http2::Builder::new(TokioExecutor::new());
    http.timer(TokioTimer::new()).keep_alive_interval(PING).keep_alive_timeout(PONG);
    http.max_concurrent_streams(MOST_CALLS).max_header_list_size(HEADERS_BYTES);
    http.initial_stream_window_size(WINDOW_BYTES).initial_connection_window_size(WINDOW_BYTES);
    let mut served = pin!(http.serve_connection(stream, service));
    tokio::select! {
        _ = &mut served => {
            if connection.progress.stalled.load(Relaxed) {
                connection.counters.closed(Closed::Reader);
            }
            return;
        }
        () = calls.idle(&connection) => {}
    }
    let has_called = connection.progress.asked.load(Relaxed);
    connection.counters.closed(if has_called { Closed::Idle } else { Closed::Head });
    served.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(PARTING, served).await;
}

async fn answer(connection: &Connection, router: TowerToHyperService<Router>, request: Request<Incoming>) -> Response {
    if !grpc::is_call(request.headers()) {
        connection.progress.asked.store(true, Relaxed);
        return grpc::no_call();
    }
    let Ok(response) = connection.answer(router, request).await;
    grpc::as_call(response).await
}

/// The calls of a connection that are not answered yet, and when there was one last.
struct Calls(Mutex<(usize, Instant)>);

impl Calls {
    fn new() -> Self {
        Self(Mutex::new((0, Instant::now())))
    }

    /// Ends when there has been no call for a while.
    async fn idle(&self, connection: &Connection) {
        loop {
            let (open, last) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let patience = if connection.progress.began.load(Relaxed) || connection.progress.asked.load(Relaxed) {
                IDLE
            } else {
                HEAD
            };
            let end = if open > 0 { Instant::now() + patience } else { last + patience };
            if end <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(end).await;
        }
    }
}

/// One of them, until it is dropped.
struct Call(Arc<Calls>);

impl Call {
    fn begun(calls: &Arc<Calls>) -> Self {
        calls.0.lock().unwrap_or_else(PoisonError::into_inner).0 += 1;
        Self(Arc::clone(calls))
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut calls = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        *calls = (calls.0.saturating_sub(1), Instant::now());
    }
}
