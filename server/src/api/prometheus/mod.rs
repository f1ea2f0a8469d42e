//! What else Prometheus' HTTP API has, beside questions over samples: the language by itself, the state of the server, and what clients
//! look for before they ask.

mod language;
mod status;
mod tree;
mod unknown;

use axum::Router;
use axum::routing::get;

pub(crate) use status::{Facts, StoreFacts};
pub(crate) use unknown::{nothing_there, wrong_method};

/// The routes; they belong behind [`super::auth::guard`].
pub(crate) fn routes(facts: Facts) -> Router {
    let language = Router::new()
        .route("/api/v1/format_query", get(language::format).post(language::format))
        .route("/api/v1/parse_query", get(language::parse).post(language::parse));
    language.merge(status::routes(facts))
}
