//! `GET /api/v2/status` and `/api/v2/receivers`.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use weir_meters::process;

use super::shapes::{Named, written};
use super::way::{Alerts, Refused};

pub(super) async fn status(State(alerts): State<Alerts>) -> Result<Json<Value>, Refused> {
    let routes = alerts.ask(|notifier, _| notifier.routes_shown()).await?;
    let version = env!("CARGO_PKG_VERSION");
    Ok(Json(json!({
        "cluster": { "status": "disabled", "peers": [] },
        "versionInfo": {
            "version": version, "revision": "", "branch": "", "buildUser": "", "buildDate": "", "goVersion": "",
        },
        "config": { "original": routes },
        "uptime": written((process::started_s() * 1e3) as i64),
    })))
}

pub(super) async fn receivers(State(alerts): State<Alerts>) -> Result<Json<Vec<Named>>, Refused> {
    let names = alerts.ask(|notifier, _| notifier.receivers()).await?;
    Ok(Json(names.into_iter().map(|name| Named { name }).collect()))
}
