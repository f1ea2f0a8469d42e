//! The flags that say which server a command asks, the same for each.

use std::path::PathBuf;

use anyhow::Result;

use super::contexts::{Context, Contexts};
use super::server::Server;

/// Which server is asked. A flag wins over the context that `--context` names, that over `WEIR_SERVER`, and that over the
/// current context: what is nearer to the question is meant.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct At {
    /// The server's address, with or without https:// [default: WEIR_SERVER, the current context, 127.0.0.1:8641]
    #[arg(long, value_name = "ADDRESS")]
    server: Option<String>,
    /// The server of this name, of those that `weir context` keeps
    #[arg(long, value_name = "NAME", conflicts_with = "server")]
    context: Option<String>,
    /// File of a token that the server takes for this
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    token_file: Option<PathBuf>,
    /// The token itself, which others on this host can see in the list of processes
    #[arg(long)]
    token: Option<String>,
    /// Authorities, in PEM, of which one must vouch for the server [default: those that this host trusts]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

const USUAL: &str = "127.0.0.1:8641";
const USUAL_PORT: u16 = 8641;

impl At {
    /// The server at an address.
    pub(crate) fn named(server: String) -> Self {
        Self { server: Some(server), ..Self::default() }
    }

    /// The server of a context, or the one that is asked if nothing is said.
    pub(crate) fn of(context: Option<String>) -> Self {
        Self { context, ..Self::default() }
    }

    /// The server, not yet asked anything.
    pub(crate) fn server(&self) -> Result<Server> {
        let known = Contexts::load()?;
        let environment = std::env::var("WEIR_SERVER").ok().filter(|text| !text.is_empty());
        let Context { server, token_file, ca, .. } = self.choose(environment, &known)?;
        let server = address(&server, ca.is_some());
        match &self.token {
            Some(token) => Server::trusting(&server, ca.as_deref(), None)?.with_token(token),
            None => Server::trusting(&server, ca.as_deref(), token_file),
        }
    }

    fn choose(&self, environment: Option<String>, known: &Contexts) -> Result<Context> {
        // A token goes to the server that it is of: what the file has for one is not shown to another.
        let of = |server: String| Context { server, ..Context::default() };
        let mut chosen = match (&self.server, &self.context, environment) {
            (Some(server), ..) => of(server.clone()),
            (None, Some(name), _) => known.named(name)?.clone(),
            (None, None, Some(server)) => of(server),
            (None, None, None) => known.current()?.cloned().unwrap_or_else(|| of(USUAL.to_owned())),
        };
        chosen.token_file = self.token_file.clone().or(chosen.token_file);
        chosen.ca = self.ca.clone().or(chosen.ca);
        Ok(chosen)
    }
}

/// With a scheme: TLS where authorities are named. With a port, where neither is said.
fn address(text: &str, has_authorities: bool) -> String {
    let text = text.trim().trim_end_matches('/');
    if text.contains("://") {
        return text.to_owned();
    }
    let scheme = if has_authorities { "https" } else { "http" };
    let host = text.split('/').next().unwrap_or_default();
    let has_port = host
        .rsplit_once(':')
        .is_some_and(|(before, port)| port.parse::<u16>().is_ok() && (!before.contains(':') || before.ends_with(']')));
    match (has_port, host.parse::<std::net::Ipv6Addr>()) {
        (true, _) => format!("{scheme}://{text}"),
        (false, Ok(host)) => format!("{scheme}://[{host}]:{USUAL_PORT}"),
        (false, Err(_)) => format!("{scheme}://{host}:{USUAL_PORT}{}", &text[host.len()..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_need_neither_scheme_nor_port() {
        let check = |text: &str, tls: bool, expected: &str| assert_eq!(address(text, tls), expected, "{text}");
        check("https://weir.example.org/", false, "https://weir.example.org");
        check("weir.example.org", true, "https://weir.example.org:8641");
        check("weir:9000", false, "http://weir:9000");
        check("weir/prefix", false, "http://weir:8641/prefix");
        check("127.0.0.1:1", false, "http://127.0.0.1:1");
        check("::1", false, "http://[::1]:8641");
        check("[::1]:7", true, "https://[::1]:7");
    }

    #[test]
    fn the_nearest_word_names_the_server_and_tokens_stay_with_theirs() {
        let context = |server: &str| Context {
            server: server.into(),
            token_file: Some(format!("{server}.token").into()),
            ..Context::default()
        };
        let contexts = [("a".to_owned(), context("one")), ("b".to_owned(), context("two"))].into();
        let known = Contexts { current: Some("a".into()), contexts };
        let check = |at: At, environment: Option<&str>, server: &str, token: Option<&str>| {
            let chosen = at.choose(environment.map(str::to_owned), &known).unwrap();
            assert_eq!((chosen.server.as_str(), chosen.token_file), (server, token.map(PathBuf::from)), "{at:?}");
        };
        let named = |name: &str| At { context: Some(name.into()), ..At::default() };
        check(At::default(), None, "one", Some("one.token"));
        check(At::default(), Some("env"), "env", None);
        check(named("b"), Some("env"), "two", Some("two.token"));
        check(At { token_file: Some("t".into()), ..named("b") }, None, "two", Some("t"));
        check(At { server: Some("flag".into()), ..At::default() }, Some("env"), "flag", None);
        let none = At::default().choose(None, &Contexts::default()).unwrap();
        assert_eq!((none.server.as_str(), none.token_file), (USUAL, None));
        assert!(named("c").choose(None, &known).is_err());
    }
}
