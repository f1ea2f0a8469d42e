//! Carries out requests of any kind.

use std::sync::Arc;

use super::clients::Clients;
use super::{http, mail};
use crate::core::Outcome;
use crate::message::Request;

/// Sends requests; clones share connections.
#[derive(Clone, Debug, Default)]
pub struct Sender {
    clients: Arc<Clients>,
}

impl Sender {
    /// Sends one request.
    pub async fn send(&self, request: Request) -> Outcome {
        match request {
            Request::Http(request) => http::send(&self.clients, *request).await,
            Request::Mail(request) => mail::send(*request).await,
        }
    }
}
