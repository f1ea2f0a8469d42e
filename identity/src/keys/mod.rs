//! Keys of tokens: those that check and those that sign, from files.

mod files;
mod jwks;
mod key;
mod signatures;
mod signing;

pub use signing::SigningKey;

pub(crate) use files::KeyFiles;
pub(crate) use key::{KeySet, TokenKey};
pub(crate) use signatures::use_ring;
