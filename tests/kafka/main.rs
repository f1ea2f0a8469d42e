//! Promise: with Kafka in the middle every acknowledged sample is counted once, whatever is killed, stopped and woken,
//! grown, lost or put there by others; and what cannot be gone on with is told.

#![allow(clippy::unwrap_used)]

mod cluster;
mod copies;
mod faults;
mod growing;
mod leaders;
mod mistakes;
mod shared;
mod site;
mod takeover;
