//! Parameters of routes of our own, read into a type; what cannot be read is told as JSON, like every error of the API.

use axum::extract::{FromRequestParts, Query};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use serde::de::DeserializeOwned;

use super::auth::refusal;

/// The parameters of the URL.
pub(crate) struct Asked<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let asked = Query::<T>::try_from_uri(&parts.uri);
        asked.map(|Query(asked)| Self(asked)).map_err(|refused| {
            refusal(StatusCode::BAD_REQUEST, "parameter", &format!("invalid parameter: {}", refused.body_text()))
        })
    }
}
