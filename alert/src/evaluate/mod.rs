//! Evaluation of rules at event time, told the time: groups in order, alerts' states, and what is to be written of both.

mod alerting;
mod ask;
mod evaluator;
mod group;
mod health;
mod load;
mod outcome;
mod outlet;
mod recording;
mod row;
mod schedule;
mod settings;
mod show;
mod told;
mod view;

pub use ask::{Element, Found, Local, Names, Overlay, Querier};
pub use evaluator::{Counters, Evaluator, Turn};
pub use health::Health;
pub use outlet::Outlet;
pub use row::Row;
pub use settings::Settings;
pub use show::{AlertsAnswer, RulesAnswer, Wanted};
pub use told::Told;
pub use view::{GroupView, RuleView, Shown};
