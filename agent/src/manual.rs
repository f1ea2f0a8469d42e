//! What a shell completes and what `man` shows, made of the command line itself. Packages are built with it (the feature
//! `manual`); the agent that runs on every host has no need of it, and stays small without.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Command;
use clap_complete::Shell;

#[derive(clap::Args)]
pub(crate) struct CompletionsArgs {
    /// For which shell
    #[arg(value_parser = ["bash", "zsh", "fish"])]
    shell: String,
}

#[derive(clap::Args)]
pub(crate) struct ManArgs {
    /// Folder for a page of each command; made if it is not there
    dir: PathBuf,
}

/// `weir-agent completions SHELL`
pub(crate) fn completions(mut command: Command, args: &CompletionsArgs) {
    let shell = match args.shell.as_str() {
        "bash" => Shell::Bash,
        "zsh" => Shell::Zsh,
        _ => Shell::Fish,
    };
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command, name, &mut weir_files::output());
}

/// `weir-agent man DIR`
pub(crate) fn man(mut command: Command, args: &ManArgs) -> Result<()> {
    std::fs::create_dir_all(&args.dir).with_context(|| format!("making {}", args.dir.display()))?;
    command.build();
    page(&command, command.get_name(), &args.dir)?;
    let listed = command.get_subcommands().filter(|inner| inner.get_name() != "help" && !inner.is_hide_set());
    listed.into_iter().try_for_each(|inner| page(inner, &format!("weir-agent-{}", inner.get_name()), &args.dir))
}

fn page(command: &Command, name: &str, folder: &Path) -> Result<()> {
    let mut text = Vec::new();
    let own = command.clone().name(&*String::leak(name.to_owned()));
    clap_mangen::Man::new(own).render(&mut text)?;
    let path = folder.join(format!("{name}.1"));
    std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
}
