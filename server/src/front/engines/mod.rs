//! A front that evaluates by itself, over engines that have the samples: VictoriaMetrics, Prometheus and what speaks like it, sinks
//! that share a fleet. Engines of several tiers and shares are one source.

mod ask;
mod choice;
mod fetched;
mod merge;
mod selector;
mod source;

pub(crate) use source::Engines;
