//! One HTTP connection: requests come in, a router's answers leave, and it ends in time.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OwnedSemaphorePermit;

use super::body::{BODY, Timed};
use super::counters::{Closed, Counters};
use super::site::Site;
use super::stall::{Paced, Progress};
use crate::api::auth::refusal;

/// A connection and what it shares with others.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) counters: Arc<Counters>,
    site: Arc<Site>,
    pub(super) peer: SocketAddr,
    /// The address that the client has connected to, where it is known.
    local: Option<IpAddr>,
    pub(super) progress: Arc<Progress>,
}

/// Time from the connection's start, or from an answer, until the head of a request is whole.
pub(super) const HEAD: Duration = Duration::from_secs(20);

/// Buffer of a connection, which bounds a request's head.
const BUFFER_BYTES: usize = 64 << 10;

impl Connection {
    pub(super) fn new(counters: Arc<Counters>, site: Arc<Site>, peer: SocketAddr, local: Option<IpAddr>) -> Self {
        Self { counters, site, peer, local, progress: Arc::default() }
    }

    /// Answers until the client or a time limit ends it.
    pub(super) async fn run<S>(self, stream: S, router: Router, _slot: OwnedSemaphorePermit)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (this, router) = (&self, TowerToHyperService::new(router));
        let answer = service_fn(|request| this.answer(router.clone(), request));
        let stream = TokioIo::new(Paced::new(stream, Arc::clone(&self.progress)));
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(BUFFER_BYTES);
        let Err(error) = http.serve_connection(stream, answer).await else { return };
        let reason = if self.progress.stalled.load(Relaxed) {
            Closed::Reader
        } else if !error.is_timeout() {
            return;
        } else if self.progress.asked.load(Relaxed) && !self.progress.began.load(Relaxed) {
            Closed::Idle
        } else {
            Closed::Head
        };
        self.counters.closed(reason);
        tracing::debug!(peer = %self.peer, ?reason, "closed an HTTP connection");
    }

    pub(super) async fn answer(
        &self,
        router: TowerToHyperService<Router>,
        request: Request<Incoming>,
    ) -> Result<Response, Infallible> {
        self.progress.asked.store(true, Relaxed);
        self.progress.began.store(false, Relaxed);
        let mut response = match self.site.refuses(&request, self.local) {
            Some((reason, response)) => {
                self.counters.foreign(reason);
                response
            }
            None => self.routed(router, request).await,
        };
        // What came meanwhile was the body.
        self.progress.began.store(false, Relaxed);
        let headers = response.headers_mut();
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
        Ok(response)
    }

    async fn routed(&self, router: TowerToHyperService<Router>, request: Request<Incoming>) -> Response {
        let late = Arc::<AtomicBool>::default();
        let request = request.map(|body| Body::new(Timed::new(body, Arc::clone(&late))));
        let Ok(response) = router.call(request).await;
        if !late.load(Relaxed) {
            return response;
        }
        self.counters.closed(Closed::Body);
        let text = format!("the request's body did not come within {} s", BODY.as_secs());
        let mut response = refusal(StatusCode::REQUEST_TIMEOUT, "body_timeout", &text);
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

/// The console is a script, a style sheet and a picture of this server, which it asks; nothing else, and no page around it.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
