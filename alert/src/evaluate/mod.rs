//! Evaluation of rules at event time, told the time: groups in order, alerts' states, and what is to be written of both.

mod alerting;
mod evaluator;
mod group;
mod health;
mod load;
mod local;
mod outcome;
mod outlet;
mod overlay;
mod querier;
mod recording;
mod row;
mod schedule;
mod settings;
mod told;
mod view;

pub use evaluator::{Counters, Evaluator, Turn};
pub use health::Health;
pub use local::Local;
pub use outlet::Outlet;
pub use overlay::{Names, Overlay};
pub use querier::{Element, Found, Querier};
pub use row::{Row, STALE};
pub use settings::Settings;
pub use told::Told;
pub use view::{GroupView, RuleView};
