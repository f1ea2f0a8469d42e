//! Flags of `run` and `check`: the configuration's own keys, so that a key needs no second place to be a flag.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, value_parser};

use super::settings::Config;

/// The flags that were given.
#[derive(Clone)]
pub(crate) struct RunArgs(ArgMatches);

const FILE: &str = "config";

impl RunArgs {
    /// The file that is named, if one is.
    pub(super) fn file(&self) -> Option<&Path> {
        self.0.get_one::<PathBuf>(FILE).map(PathBuf::as_path)
    }

    /// These, and where they say nothing, the file's.
    pub(super) fn over(&self, mut file: Config) -> Result<Config> {
        file.update_from_arg_matches(&self.0)?;
        Ok(file)
    }
}

impl Args for RunArgs {
    fn augment_args(command: Command) -> Command {
        let about = "Configuration file; if not given, /etc/weir/weir-agent.toml if it is there. Flags win over it";
        let file = Arg::new(FILE).long(FILE).value_name("CONFIG").value_parser(value_parser!(PathBuf)).help(about);
        // For an update, because the file and the defaults have said everything already.
        Config::augment_args_for_update(command.arg(file))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for RunArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self(matches.clone()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0 = matches.clone();
        Ok(())
    }
}
