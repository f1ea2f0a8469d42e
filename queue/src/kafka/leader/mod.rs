//! One of several processes leads, and what it has to remember is in a topic: whoever leads after it goes on from there.
//!
//! All candidates read the one partition of `PREFIX.alerts.state`. The leader says once a second that it is alive; when nothing
//! was heard for five looks at brokers that answer, a candidate claims, and the last claim in the partition's order
//! decides: no clock, and no other coordinator. The leader's files are held in memory (`image.rs`), and a sync of one is
//! done when its pages came back through the partition with no other claim before them (`term.rs`). What an earlier
//! leader writes after that, not knowing, counts for nobody, and the leader writes those pages again, since the topic
//! forgets all but the last of each (docs/decisions/0023).

mod candidate;
mod follow;
mod image;
mod known;
mod term;
mod word;

pub use candidate::Candidate;
pub use known::Leading;
pub use term::Term;
