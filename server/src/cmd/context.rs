//! `weir context`: the servers that this user asks, by name.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use weir_files::say;

use super::ask::{Context, Contexts, valid_name};

#[derive(clap::Subcommand)]
pub(crate) enum ContextCommand {
    /// The contexts, the current one with a star
    List,
    /// Make a context the current one
    Use(NameArgs),
    /// Make a context or change what is given of it; the first becomes the current one
    Set(SetArgs),
    /// Forget a context
    Remove(NameArgs),
}

#[derive(clap::Args)]
pub(crate) struct NameArgs {
    /// Its name
    name: String,
}

#[derive(clap::Args)]
pub(crate) struct SetArgs {
    /// Its name
    name: String,
    /// The server's HTTP address, with or without https://
    #[arg(long, value_name = "ADDRESS")]
    server: Option<String>,
    /// File of the token that the server is shown
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Authorities, in PEM, of which one must vouch for the server
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Where `weir emit --context` sends to
    #[arg(long, value_name = "HOST:PORT")]
    gateway: Option<String>,
    /// File of the token that the gateway is shown
    #[arg(long, value_name = "FILE")]
    ingest_token_file: Option<PathBuf>,
}

pub(crate) fn main(command: ContextCommand) -> Result<()> {
    let mut contexts = Contexts::load()?;
    match command {
        ContextCommand::List => {
            list(&contexts);
            return Ok(());
        }
        ContextCommand::Use(NameArgs { name }) => {
            contexts.named(&name)?;
            contexts.current = Some(name);
        }
        ContextCommand::Set(args) => set(&mut contexts, args)?,
        ContextCommand::Remove(NameArgs { name }) => {
            contexts.named(&name)?;
            contexts.contexts.remove(&name);
            contexts.current = contexts.current.filter(|current| *current != name);
        }
    }
    contexts.save()
}

fn set(contexts: &mut Contexts, args: SetArgs) -> Result<()> {
    let name = valid_name(&args.name)?;
    let known = contexts.contexts.get(&name).cloned();
    let server = args.server.or_else(|| known.as_ref().map(|known| known.server.clone()));
    let server = server.with_context(|| format!("context {name:?} is new: give --server ADDRESS"))?;
    let known = known.unwrap_or_default();
    // The file is read from anywhere.
    let whole = |path: Option<PathBuf>| path.map(std::path::absolute).transpose();
    let context = Context {
        server,
        token_file: whole(args.token_file)?.or(known.token_file),
        ca: whole(args.ca)?.or(known.ca),
        gateway: args.gateway.or(known.gateway),
        ingest_token_file: whole(args.ingest_token_file)?.or(known.ingest_token_file),
    };
    contexts.contexts.insert(name.clone(), context);
    contexts.current.get_or_insert(name);
    Ok(())
}

fn list(contexts: &Contexts) {
    let width = contexts.contexts.keys().map(String::len).max().unwrap_or_default();
    for (name, context) in &contexts.contexts {
        let star = if contexts.current.as_ref() == Some(name) { '*' } else { ' ' };
        say!("{star} {name:<width$}  {}", context.server);
    }
}
