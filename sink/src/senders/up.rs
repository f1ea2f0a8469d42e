//! `weir_agent_up`: 1 while a sender is waited for, 0 once it is left out, nothing more after its goodbye.
//!
//! Written when that changes, and once a minute.

use std::time::Duration;

use weir_sample::{Kind, STALE, Series, Timestamp};
use weir_store::{Error, Store};
use weir_wire::SenderId;

use super::agent::Agent;
use super::progress::Standing;

const NAME: &str = "weir_agent_up";
const EVERY: Duration = Duration::from_secs(60);

/// Writes what is due at `now`.
pub(crate) fn tell(store: &Store, id: &SenderId, agent: &mut Agent, now: Timestamp) -> Result<(), Error> {
    let standing = agent.progress.standing;
    let (told, at) = agent.progress.told;
    let is_due = told != standing || standing != Standing::Gone && now.is_due(at, EVERY);
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
    let series = agent.with_labels(*id, |labels| Series::new(NAME, labels));
    store.append_sample(&series, Kind::Gauge, now, value).map(drop)
}
