//! What a shell completes and what `man` shows: made of the command line itself, so that neither can be out of date.

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

/// `weir completions SHELL`
pub(crate) fn completions(mut command: Command, args: &CompletionsArgs) -> Result<()> {
    let shell = match args.shell.as_str() {
        "bash" => Shell::Bash,
        "zsh" => Shell::Zsh,
        _ => Shell::Fish,
    };
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command, name, &mut weir_files::output());
    Ok(())
}

/// `weir man DIR`
pub(crate) fn man(mut command: Command, args: &ManArgs) -> Result<()> {
    std::fs::create_dir_all(&args.dir).with_context(|| format!("making {}", args.dir.display()))?;
    command.build();
    page(&command, command.get_name(), &args.dir)
}

/// The page of a command, and those of the commands in it.
fn page(command: &Command, name: &str, folder: &Path) -> Result<()> {
    let path = folder.join(format!("{name}.1"));
    let mut text = Vec::new();
    // The name is what the page is called by, and what stands in its head.
    let own = command.clone().name(String::leak(name.to_owned()) as &'static str);
    clap_mangen::Man::new(own).render(&mut text)?;
    std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        page(inner, &format!("{name}-{}", inner.get_name()), folder)?;
    }
    Ok(())
}
