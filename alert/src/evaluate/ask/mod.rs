//! Who answers rules' questions, and the rows that lie over the store until it has them.

mod local;
mod overlay;
mod querier;

pub use local::Local;
pub use overlay::{Names, Overlay};
pub use querier::{Element, Found, Querier};
