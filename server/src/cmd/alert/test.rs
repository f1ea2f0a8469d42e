//! `weir alert test`: unit tests of rules, with promtool's verdicts.

use std::path::PathBuf;

use anyhow::{Result, bail};
use weir_alert::tools::run_tests;
use weir_files::say;

#[derive(clap::Args)]
pub(crate) struct TestArgs {
    /// Files of tests; rule files in them are relative to them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(crate) fn main(args: &TestArgs) -> Result<()> {
    let mut failed = 0;
    for path in &args.files {
        let failures = match run_tests(path) {
            Ok(verdict) if verdict.failures.is_empty() => {
                say!("{}: SUCCESS, {} checks", path.display(), verdict.checks);
                continue;
            }
            Ok(verdict) => verdict.failures,
            Err(reason) => vec![reason],
        };
        failed += 1;
        say!("{}: FAILED", path.display());
        for failure in failures {
            say!("  {}", failure.replace('\n', "\n    "));
        }
    }
    if failed > 0 {
        bail!("{failed} of {} files of tests failed", args.files.len());
    }
    Ok(())
}
