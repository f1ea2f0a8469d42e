//! Servers by name, in a file of the user's: `~/.config/weir/contexts.toml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use serde::{Deserialize, Serialize};

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Contexts {
    /// The one that is taken if none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    pub(crate) contexts: BTreeMap<String, Context>,
}

/// A server, and what it takes to ask it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Context {
    /// Its HTTP address.
    pub(crate) server: String,
    /// File of the token that it is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token_file: Option<PathBuf>,
    /// File of the authorities that vouch for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<PathBuf>,
    /// Host and port of its gateways, for `weir emit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gateway: Option<String>,
    /// File of the token that those are shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ingest_token_file: Option<PathBuf>,
}

impl Contexts {
    /// The user's file; nothing if there is none.
    pub(crate) fn load() -> Result<Self> {
        match path() {
            Some(path) => Self::read(&path),
            None => Ok(Self::default()),
        }
    }

    fn read(path: &Path) -> Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        toml::from_str(&text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            anyhow!("{}:{line}: {}", path.display(), error.message().trim_end())
        })
    }

    /// Puts this in the place of the user's file.
    pub(crate) fn save(&self) -> Result<()> {
        let path = path().context("neither XDG_CONFIG_HOME nor HOME says where the file of contexts is")?;
        let folder = path.parent().context("the file of contexts has no folder")?;
        weir_files::create_folder(folder)?;
        // It names tokens' files and holds none, but nobody else has business with it.
        Ok(weir_files::replace(&path, toml::to_string(self)?.as_bytes(), 0o600)?)
    }

    /// The context of that name.
    pub(crate) fn named(&self, name: &str) -> Result<&Context> {
        self.contexts.get(name).ok_or_else(|| match self.contexts.keys().map(String::as_str).collect::<Vec<_>>() {
            known if known.is_empty() => {
                anyhow!("there is no context {name:?}: make it by weir context set {name} --server ADDRESS")
            }
            known => anyhow!("there is no context {name:?}, but {}", known.join(", ")),
        })
    }

    /// The current one, if one is.
    pub(crate) fn current(&self) -> Result<Option<&Context>> {
        self.current.as_deref().map(|name| self.named(name)).transpose()
    }
}

/// A name that needs no quotes anywhere.
pub(crate) fn valid_name(name: &str) -> Result<String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || !name.chars().all(legal) {
        bail!("{name:?}: a context's name has letters, digits, '-', '_' and '.'");
    }
    Ok(name.to_owned())
}

fn path() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(folder.join("weir/contexts.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_back_and_its_faults_have_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contexts.toml");
        assert_eq!(Contexts::read(&path).unwrap(), Contexts::default());
        let prod = Context { server: "https://weir:8641".into(), ca: Some("/ca.pem".into()), ..Context::default() };
        let contexts = Contexts { current: Some("prod".into()), contexts: [("prod".to_owned(), prod.clone())].into() };
        std::fs::write(&path, toml::to_string(&contexts).unwrap()).unwrap();
        let read = Contexts::read(&path).unwrap();
        assert_eq!(read, contexts);
        assert_eq!(read.current().unwrap(), Some(&prod));
        assert_eq!(read.named("x").unwrap_err().to_string(), "there is no context \"x\", but prod");
        std::fs::write(&path, "current = 'a'\n[contexts.a]\nserver = 'x'\ntokenfile = 'y'\n").unwrap();
        let told = Contexts::read(&path).unwrap_err().to_string();
        assert!(told.contains("contexts.toml:4: unknown field"), "{told}");
    }

    #[test]
    fn names_need_no_quotes() {
        assert!(valid_name("prod-1.eu").is_ok());
        assert!(["", "a b", "a\"", "ä"].iter().all(|name| valid_name(name).is_err()));
    }
}
