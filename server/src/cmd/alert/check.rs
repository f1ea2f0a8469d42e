//! `weir alert check`: everything that is wrong with rule files, each with its place and its mend.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use weir_alert::rules::{RuleSet, Weight};
use weir_files::say;

#[derive(clap::Args)]
pub(crate) struct CheckArgs {
    /// Rule files, or patterns such as 'rules/*.yml'
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
}

pub(crate) fn main(args: &CheckArgs) -> Result<()> {
    let mut set = RuleSet::default();
    set.load(Path::new(""), &args.files, Duration::from_secs(60));
    let (mut errors, mut warnings) = (0, 0);
    for fault in set.faults() {
        say!("{fault}");
        match fault.weight {
            Weight::Error => errors += 1,
            Weight::Warning => warnings += 1,
        }
    }
    let (groups, rules) = (set.groups().count(), set.groups().map(|group| group.rules.len()).sum::<usize>());
    if errors + warnings > 0 {
        bail!(
            "{errors} errors and {warnings} warnings; {rules} rules in {groups} groups are in files without an error"
        );
    }
    say!("fine: {rules} rules in {groups} groups");
    Ok(())
}
