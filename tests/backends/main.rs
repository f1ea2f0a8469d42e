//! Promise: other engines get what the embedded store has, sample by sample, through answers that fail, outages and kills; what comes
//! late too, and what they will never take is set aside by name.

#![allow(clippy::unwrap_used)]

mod engines;
mod front;
mod histograms;
mod refusals;
mod samples;
