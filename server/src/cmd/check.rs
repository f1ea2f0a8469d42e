//! `weir check`: a configuration file and the files that it names, read as a server reads them.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use weir_files::say;

use crate::config::Config;

#[derive(clap::Args)]
pub(crate) struct CheckArgs {
    /// Configuration file
    #[arg(default_value = "weir.toml")]
    config: PathBuf,
}

pub(crate) fn main(args: CheckArgs) -> Result<()> {
    let config = Config::read(&args.config)?;
    let wrong = config.wrong_files();
    ensure!(wrong.is_empty(), "{}", wrong.join("\nweir: "));
    say!("{}: fine", args.config.display());
    Ok(())
}
