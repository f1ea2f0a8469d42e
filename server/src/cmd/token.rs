//! `weir token`: keys that sign tokens, the tokens, and what a token is worth.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::{Args, Subcommand};
use rcgen::{KeyPair, PKCS_ED25519};
use serde_json::json;
use weir_files::say;
use weir_identity::{Claims, Scope, SigningKey, TokenKeys, create_secret_file, issue};
use weir_sample::Timestamp;

use crate::clock::{duration, now};

/// What to do with tokens.
#[derive(Subcommand)]
pub(crate) enum TokenCommand {
    /// Make an Ed25519 key: NAME.key signs tokens, NAME.pem goes to the servers
    Key(KeyArgs),
    /// Sign a token and print it
    Issue(IssueArgs),
    /// Check a token as a server would and print its claims
    Verify(VerifyArgs),
}

#[derive(Args)]
pub(crate) struct KeyArgs {
    /// Path of both files without their endings; its last part becomes the key's id
    name: PathBuf,
}

#[derive(Args)]
pub(crate) struct IssueArgs {
    /// Private key in PEM (Ed25519, P-256 or RSA), or a shared secret (.secret)
    #[arg(long)]
    key: PathBuf,
    /// Key id to name in the token [default: the key file's name without its ending]
    #[arg(long)]
    kid: Option<String>,
    /// Whom the token is for; an agent id binds it to that agent
    #[arg(long)]
    sub: String,
    /// Tenant whose data it opens
    #[arg(long, default_value_t = 0)]
    tenant: u32,
    /// ingest, read, admin, alerts:read or alerts:silence; repeat or separate by commas
    #[arg(long, required = true, value_delimiter = ',')]
    scope: Vec<Scope>,
    /// How long it is valid
    #[arg(long, default_value = "30d", value_parser = duration)]
    expires_in: Duration,
    /// Wait this long before it is valid
    #[arg(long, value_parser = duration)]
    starts_in: Option<Duration>,
    /// The most series its agent may have
    #[arg(long)]
    max_series: Option<u64>,
    /// Label that every series of its agent carries, as name=value; repeat for more
    #[arg(long, value_parser = label)]
    label: Vec<(String, String)>,
}

#[derive(Args)]
pub(crate) struct VerifyArgs {
    /// File or folder of keys (.pem, .secret, .json); repeat for more
    #[arg(long, required = true)]
    keys: Vec<PathBuf>,
    /// The token; - or nothing reads it from standard input, where no process list shows it
    #[arg(default_value = "-")]
    token: String,
    /// Also demand this scope
    #[arg(long)]
    scope: Option<Scope>,
}

pub(crate) fn main(command: TokenCommand) -> Result<()> {
    let text = run(command, now())?;
    say!("{text}");
    Ok(())
}

fn run(command: TokenCommand, now: Timestamp) -> Result<String> {
    match command {
        TokenCommand::Key(args) => make_key(&args.name),
        TokenCommand::Issue(args) => sign(args, now),
        TokenCommand::Verify(args) => verify(args, now),
    }
}

fn make_key(name: &Path) -> Result<String> {
    let with_ending = |ending: &str| {
        let mut path = name.as_os_str().to_owned();
        path.push(ending);
        PathBuf::from(path)
    };
    let (private, public) = (with_ending(".key"), with_ending(".pem"));
    let pair = KeyPair::generate_for(&PKCS_ED25519)?;
    create_secret_file(&private, &pair.serialize_pem())?;
    weir_files::replace(&public, pair.public_key_pem().as_bytes(), 0o644)?;
    Ok(format!("{} signs tokens; keep it\n{} checks them; give it to the servers", private.display(), public.display()))
}

fn sign(args: IssueArgs, now: Timestamp) -> Result<String> {
    let key = SigningKey::read(&args.key)?;
    let key = match &args.kid {
        Some(kid) => key.with_kid(kid),
        None => key,
    };
    let starts = args.starts_in.map(|wait| seconds(now.plus(wait)));
    let claims = Claims {
        subject: args.sub,
        tenant: args.tenant,
        scopes: args.scope,
        not_before: starts,
        expires: seconds(now.plus(args.starts_in.unwrap_or_default()).plus(args.expires_in)),
        max_series: args.max_series,
        labels: args.label.into_iter().collect::<BTreeMap<_, _>>(),
    };
    Ok(issue(&claims, &key)?)
}

fn verify(args: VerifyArgs, now: Timestamp) -> Result<String> {
    let keys = TokenKeys::watch(args.keys)?;
    let token = match args.token.as_str() {
        "-" => read_token(std::io::stdin().lock())?,
        token => token.to_owned(),
    };
    let checked = match args.scope {
        Some(scope) => keys.admit(token.trim(), scope, now),
        None => keys.verify(token.trim(), now),
    };
    let claims = checked.map_err(|error| anyhow!("refused ({}): {error}", error.reason()))?;
    let scopes: Vec<&str> = claims.scopes.iter().map(|scope| scope.name()).collect();
    let mut shown = json!({
        "sub": claims.subject,
        "tenant": claims.tenant,
        "scope": scopes,
        "exp": claims.expires,
        "expires_in_s": claims.expires.saturating_sub(seconds(now)),
    });
    if let Some(most) = claims.max_series {
        shown["max_series"] = json!(most);
    }
    if !claims.labels.is_empty() {
        shown["labels"] = json!(claims.labels);
    }
    Ok(serde_json::to_string_pretty(&shown)?)
}

/// A little more than the longest token, so that a wrong file is refused and not swallowed.
fn read_token(input: impl Read) -> Result<String> {
    let mut token = String::new();
    input.take(16 * 1024).read_to_string(&mut token).context("reading the token from standard input")?;
    Ok(token)
}

fn seconds(at: Timestamp) -> u64 {
    u64::try_from(at.millis() / 1_000).unwrap_or(0)
}

fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is no label: write name=value"))?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(subcommand)]
        command: TokenCommand,
    }

    fn at(second: i64, words: &[&str]) -> Result<String> {
        let cli = Cli::try_parse_from(["weir"].iter().chain(words))?;
        run(cli.command, Timestamp::from_secs(1_700_000_000 + second))
    }

    #[test]
    fn a_token_is_issued_by_a_new_key_and_verified() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        at(0, &["key", &path("ops")]).unwrap();
        assert!(at(0, &["key", &path("ops")]).is_err(), "a key is never overwritten");

        let common = ["--sub", "web", "--tenant", "7", "--scope", "ingest,read", "--expires-in", "1h"];
        let more = ["--max-series", "50", "--label", "pool=web"];
        let key = path("ops.key");
        let issued = [&["issue", "--key", &key], &common[..], &more[..]].concat();
        let token = at(0, &issued).unwrap();
        let keys = folder.path().to_str().unwrap();
        let shown = at(60, &["verify", "--keys", keys, &token]).unwrap();
        let claims: serde_json::Value = serde_json::from_str(&shown).unwrap();
        let expected = json!({
            "sub": "web", "tenant": 7, "scope": ["ingest", "read"], "exp": 1_700_003_600,
            "expires_in_s": 3_540, "max_series": 50, "labels": { "pool": "web" },
        });
        assert_eq!(claims, expected);

        let refused = |second, words: &[&str]| at(second, words).unwrap_err().to_string();
        assert!(refused(3_600, &["verify", "--keys", keys, &token]).contains("refused (expired)"));
        assert!(refused(0, &["verify", "--keys", keys, "--scope", "admin", &token]).contains("refused (scope)"));
        assert!(refused(0, &["verify", "--keys", keys, "x"]).contains("refused (malformed)"));
        let public = path("ops.pem");
        assert!(refused(0, &[&["issue", "--key", &public], &common[..]].concat()).contains("chmod 600"));
    }

    #[test]
    fn a_later_start_moves_the_end_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        at(0, &["key", &path("ops")]).unwrap();
        let key = path("ops.key");
        let words =
            ["issue", "--key", &key, "--sub", "x", "--scope", "read", "--starts-in", "2h", "--expires-in", "1h"];
        let token = at(0, &words).unwrap();
        let public = path("ops.pem");
        let verify = ["verify", "--keys", &public, &token];
        assert!(at(0, &verify).unwrap_err().to_string().contains("not_yet_valid"));
        assert!(at(7_300, &verify).unwrap().contains("\"expires_in_s\": 3500"));
    }
}
