//! What a metric is: series, kinds, values, histograms and windows.
//!
//! Nothing here reads a clock, a socket or a file. Input that would break a rule of the vocabulary is mended or
//! refused when a type is built, so code past that edge never checks again.

pub mod re2;

mod distinct;
mod duration;
mod event;
mod histogram;
mod metadata;
mod reading;
mod selector;
mod series;
mod size;
mod time;
mod total;
mod value;

pub use distinct::Distinct;
pub use duration::{BadDuration, read_duration, write_duration};
pub use event::{CheckStatus, Event, EventKind};
pub use histogram::{
    Bucket, CUSTOM_BOUNDS, Histogram, HistogramSum, Incompatible, Joined, MAX_SCALE, OldHistogram, Parts, ResetHint,
    Side, add_one,
};
pub use metadata::{Metadata, MetricType};
pub use reading::{Reading, exposition};
pub use selector::{Pattern, Selector};
pub use series::{Labels, Series, SeriesBuilder, is_name, legal_label_name, legal_metric_name};
pub use size::read_size;
pub use time::{Timestamp, Window};
pub use total::Total;
pub use value::{Kind, STALE, Value};
