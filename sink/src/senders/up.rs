//! `weir_agent_up`: 1 while a sender is waited for, 0 once it is left out, nothing more after its goodbye.
//!
//! Written when that changes, and once a minute.

use std::time::Duration;

use weir_sample::{Kind, Series, Timestamp};
use weir_store::{Error, Store};
use weir_wire::SenderId;

use super::account::tenant_label;
use super::agent::Agent;
use super::progress::Standing;

const NAME: &str = "weir_agent_up";
const EVERY: Duration = Duration::from_secs(60);
/// Ends a series, as Prometheus has it.
const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// Writes what is due at `now`.
pub(crate) fn tell(store: &Store, id: &SenderId, agent: &mut Agent, now: Timestamp) -> Result<(), Error> {
    let standing = agent.progress.standing;
    let (told, at) = agent.progress.told;
    let is_due = told != standing || standing != Standing::Gone && now.since(at) >= EVERY;
    let value = match standing {
        Standing::Live => 1.0,
        Standing::LeftOut => 0.0,
        Standing::Gone => STALE,
        Standing::Unknown => return Ok(()),
    };
    if !is_due {
        return Ok(());
    }
    agent.progress.told = (standing, now);
    let (name, tenant) = (id.agent.to_string(), tenant_label(id.tenant));
    // Empty labels are left out of a series.
    let labels = [("agent", name.as_str()), ("host", &agent.host), ("pool", &agent.pool), ("tenant", &tenant)];
    store.append_sample(&Series::new(NAME, labels), Kind::Gauge, now, value).map(drop)
}
