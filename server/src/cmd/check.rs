//! `weir check`: a configuration file, read as a server reads it.

use std::path::PathBuf;

use anyhow::Result;

use crate::config::Config;

#[derive(clap::Args)]
pub(crate) struct CheckArgs {
    /// Configuration file
    #[arg(default_value = "weir.toml")]
    config: PathBuf,
}

pub(crate) fn main(args: CheckArgs) -> Result<()> {
    Config::read(&args.config)?;
    println!("{}: fine", args.config.display());
    Ok(())
}
