//! What an execution may ask of its surroundings, and what it may take.

use weir_sample::Timestamp;

use super::value::Value;

/// Whose functions are in force, where the same name means two things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Functions {
    /// Prometheus' rule files.
    Rules,
    /// Alertmanager's templates.
    Notifications,
}

/// What functions may ask of the world.
#[derive(Clone, Copy)]
pub struct World<'w> {
    /// Whose functions, where rule files and Alertmanager differ.
    pub functions: Functions,
    /// The time of the evaluation.
    pub now: Timestamp,
    /// Where people find this Weir.
    pub external_url: &'w str,
    /// Carries out a query now; each sample as [`Value::sample`].
    pub query: &'w dyn Fn(&str) -> Result<Vec<Value>, String>,
}

/// What one execution may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Nodes visited and functions called.
    pub steps: u32,
    /// Bytes made, in the output and on the way to it.
    pub size_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { steps: 1_000_000, size_bytes: 1 << 20 }
    }
}
