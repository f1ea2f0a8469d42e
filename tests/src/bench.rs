//! `weir bench fleet` as a program that runs beside the test.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Program;

/// A simulated fleet at work.
pub struct Fleet {
    /// The process.
    pub program: Program,
    output: PathBuf,
    read: usize,
}

impl Fleet {
    /// Starts one that says every second what it does. Its output stays in `folder`.
    pub fn start(folder: &Path, name: &str, args: &[String]) -> Self {
        let output = folder.join(name).with_extension("json");
        let fixed = ["bench", "fleet", "--progress", "1s"].map(str::to_owned);
        let program = Program::start("weir", &[&fixed, args].concat(), &output);
        Self { program, output, read: 0 }
    }

    /// The objects that it has printed since the last call.
    pub fn lines(&mut self) -> Vec<Value> {
        let text = fs::read_to_string(&self.output).unwrap_or_default();
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let new = text.get(self.read..whole).unwrap_or_default();
        self.read = whole;
        new.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// What it has printed last: once it has ended, its report.
    pub fn report(&self) -> Value {
        let text = fs::read_to_string(&self.output).unwrap_or_default();
        let last = text.lines().last().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{error} in the report:\n{text}"))
    }
}
