//! What a caller's token lets it reach: alerts of its tenant, with the labels that it enforces.

use weir_alert::event::Pairs;
use weir_alert::routing::Matcher;
use weir_alert::routing::matcher::Operator;

use crate::api::auth::Caller;

/// The label of alerts of other tenants than the default one.
const TENANT: &str = "tenant";

/// Labels that all alerts of a caller have; none for who reaches all. An empty value: it must not be there.
pub(super) fn labels(caller: &Caller) -> Pairs {
    match caller {
        Caller::Bearer(claims) if !caller.sees_all() => {
            let tenant = if claims.tenant == 0 { String::new() } else { claims.tenant.to_string() };
            let mut labels = Pairs::from([(TENANT.to_owned(), tenant)]);
            labels.extend(claims.labels.clone());
            labels
        }
        _ => Pairs::new(),
    }
}

/// The same as conditions.
pub(super) fn within(caller: &Caller) -> Vec<Matcher> {
    let matcher = |(name, value): (String, String)| Matcher::new(&name, Operator::Equal, &value).ok();
    labels(caller).into_iter().filter_map(matcher).collect()
}
