//! An address that answers with groups in JSON, asked again and again.

use std::time::Duration;

use super::asker::{Asker, Patience};
use super::said::Teller;
use crate::config::{Asked, Group, HttpSource};

const REFRESH: Duration = Duration::from_secs(60);

pub(super) async fn follow(source: Asked<HttpSource>, teller: Teller) {
    let Asked { own, client, .. } = source;
    let mut asker = match Asker::new(&client, Vec::new()) {
        Ok(asker) => asker,
        Err(fault) => return teller.failed(fault),
    };
    let interval = own.refresh_interval.map_or(REFRESH, |span| span.0);
    asker.set_header(
        hyper::header::HeaderName::from_static("x-prometheus-refresh-interval-seconds"),
        interval.as_secs_f64().to_string(),
    );
    let mut patience = Patience::new();
    loop {
        let groups = asker.json(&own.url).await.and_then(|answer| {
            serde_json::from_value::<Vec<Group>>(answer)
                .map_err(|error| format!("{} answers with no groups: {error}", own.url))
        });
        match groups {
            Ok(mut groups) => {
                for group in &mut groups {
                    group.labels.insert("__meta_url".into(), own.url.clone());
                }
                patience.succeeded();
                teller.found(groups);
                tokio::time::sleep(interval).await;
            }
            Err(fault) => patience.failed(&teller, fault).await,
        }
    }
}
