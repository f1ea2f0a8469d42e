//! Real queue, real store: what the sink promises of counting and of forgetting.
#![allow(clippy::unwrap_used)]

mod bench;
mod counting;
mod events;
mod forgetting;
mod imported;
mod recovery;
mod saved;
mod scraped;
mod tenants;
mod watermark;
