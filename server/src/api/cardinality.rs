//! `GET /api/v1/cardinality`: which metrics and labels make the series, and whom a limit has hit.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use weir_sink::{Admission, MetricUse};

use super::asked::Asked;
use super::auth::Caller;

/// The route; it belongs behind [`super::auth::guard`].
pub(crate) fn routes<S>(admission: Arc<Admission>) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    Router::new().route("/api/v1/cardinality", get(cardinality)).with_state(admission)
}

#[derive(Deserialize)]
struct Limit {
    /// Metrics shown at most. Default: 20.
    limit: Option<usize>,
}

async fn cardinality(
    State(admission): State<Arc<Admission>>,
    Extension(caller): Extension<Caller>,
    Asked(query): Asked<Limit>,
) -> Json<Value> {
    let only = caller.tenant();
    let shown = |tenant: u32| only.is_none_or(|only| only == tenant);
    let all = admission.cardinality(usize::MAX);
    let metrics = all.metrics.iter().filter(|metric| shown(metric.tenant)).take(query.limit.unwrap_or(20));
    let tenants = all.tenants.iter().filter(|tenant| shown(tenant.tenant));
    let data = json!({
        "max_agent_series": all.max_agent_series,
        "max_tenant_series": all.max_tenant_series,
        "tenants": tenants.map(|used| json!({ "tenant": used.tenant, "series": used.series.round() })).collect::<Vec<_>>(),
        "metrics": metrics.map(metric).collect::<Vec<_>>(),
    });
    Json(json!({ "status": "success", "data": data }))
}

fn metric(metric: &MetricUse) -> Value {
    let labels = metric.labels.iter().map(|used| json!({ "label": used.label, "values": used.values.round() }));
    json!({
        "tenant": metric.tenant,
        "metric": metric.metric,
        "series": metric.series.round(),
        "folded": metric.folded,
        "denied": metric.denied,
        "left_out": metric.left_out,
        "labels": labels.collect::<Vec<_>>(),
    })
}
