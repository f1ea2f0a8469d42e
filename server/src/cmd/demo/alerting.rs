//! Alerting of the demo: a few rules, and a receiver that prints what it is told.

use std::net::TcpListener;
use std::path::Path;

use anyhow::{Context, Result};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::Value;

use crate::config::AlertingSettings;

/// Rules of its own, and those that are shipped.
const RULES: [(&str, &str); 4] = [
    ("demo.yml", include_str!("rules.yml")),
    ("hosts.yml", include_str!("../../../../deploy/rules/hosts.yml")),
    ("weir.yml", include_str!("../../../../deploy/rules/weir.yml")),
    ("alerting.yml", include_str!("../../../../deploy/rules/alerting.yml")),
];

/// Starts the receiver, writes rules and routes into the data folder, and says where they are.
pub(super) fn set_up(data: &Path) -> Result<AlertingSettings> {
    let listener = TcpListener::bind("127.0.0.1:0").context("listening for alerts")?;
    let routes = routes(&listener.local_addr()?.to_string());
    std::thread::Builder::new().name("tokio-receiver".into()).spawn(move || receive(listener))?;
    let folder = data.join("demo");
    weir_files::own_folder(data)?;
    weir_files::own_folder(&folder)?;
    let (rules, config) = (folder.join("rules"), folder.join("routes.yml"));
    weir_files::own_folder(&rules)?;
    for (name, text) in RULES {
        weir_files::replace(&rules.join(name), text.as_bytes(), 0o600)?;
    }
    weir_files::replace(&config, routes.as_bytes(), 0o600)?;
    let rules = vec![rules.join("*.yml").display().to_string()];
    Ok(AlertingSettings { rules, config: Some(config), ..AlertingSettings::default() })
}

fn routes(receiver: &str) -> String {
    let times = "group_wait: 1s, group_interval: 5s, repeat_interval: 1h";
    let route = format!("route: {{receiver: terminal, group_by: [alertname], {times}}}\n");
    format!("{route}receivers:\n  - name: terminal\n    webhook_configs:\n      - url: http://{receiver}/\n")
}

fn receive(listener: TcpListener) {
    let router = Router::new().route("/", post(|Json(told): Json<Value>| async move { print(&told) }));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let served = listener.set_nonblocking(true).and(runtime).and_then(|runtime| {
        runtime.block_on(async { axum::serve(tokio::net::TcpListener::from_std(listener)?, router).await })
    });
    if let Err(error) = served {
        tracing::error!(%error, "the demo's receiver of alerts has ended");
    }
}

fn print(told: &Value) {
    for alert in told["alerts"].as_array().into_iter().flatten() {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (name, summary) = (text(&alert["labels"]["alertname"]), text(&alert["annotations"]["summary"]));
        show!("  Alert     {name} {}: {summary}", text(&alert["status"]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_and_routes_of_the_demo_are_right() {
        let folder = tempfile::tempdir().unwrap();
        let settings = set_up(&folder.path().join("data")).unwrap();
        assert_eq!(settings.wrong_files(Path::new("")), Vec::<String>::new());
        assert!(settings.is_on());
    }
}
