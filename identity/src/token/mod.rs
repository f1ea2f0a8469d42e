//! Tokens: issued with a signing key, checked with the keys in force.

mod checker;
mod claims;
mod counts;
mod error;
mod jwt;
mod scope;

pub use checker::TokenKeys;
pub use claims::{AUDIENCE, Claims};
pub use error::TokenError;
pub use jwt::issue;
pub use scope::Scope;
