//! A list of servers, as configurations and flags give it.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::server::Server;

/// One or more of them: a text with commas between, or a list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Listed")]
pub struct Servers(pub Vec<Server>);

#[derive(Deserialize)]
#[serde(untagged)]
enum Listed {
    One(String),
    Many(Vec<String>),
}

impl FromStr for Servers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',').map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl TryFrom<Listed> for Servers {
    type Error = String;

    fn try_from(listed: Listed) -> Result<Self, String> {
        match listed {
            Listed::One(text) => text.parse(),
            Listed::Many(texts) if texts.is_empty() => Err("an empty list: name at least one gateway".into()),
            Listed::Many(texts) => texts.iter().map(|text| text.parse()).collect::<Result<_, _>>().map(Self),
        }
    }
}

impl fmt::Display for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Server { host, port }) in self.0.iter().enumerate() {
            write!(f, "{}{host}:{port}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Told {
        server: Servers,
    }

    #[test]
    fn lists_are_read_in_both_forms() {
        let both: Servers = "a.example:1, [::1]:2".parse().unwrap();
        assert_eq!(both.to_string(), "a.example:1,::1:2");
        assert_eq!(toml::from_str::<Told>("server = [\"a.example:1\", \"[::1]:2\"]").unwrap().server, both);
        assert!("a.example".parse::<Servers>().is_err() && ":1".parse::<Servers>().is_err());
        assert!(toml::from_str::<Told>("server = []").is_err());
    }
}
