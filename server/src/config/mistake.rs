//! What is wrong in the configuration file, told in one line.

/// A key, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub key: String,
    pub problem: String,
}

impl Mistake {
    /// The mistake that the parser has found in `text`.
    pub(super) fn parsed(text: &str, error: &toml::de::Error) -> Self {
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let line = text[start..].lines().next().unwrap_or_default().trim();
        let table = text[..start].lines().rev().find_map(|line| line.trim().strip_prefix('[')?.split(']').next());
        let key = match (line.strip_prefix('['), table) {
            (Some(header), _) => header.trim_matches(['[', ']']).to_owned(),
            (None, table) => {
                let key = line.split('=').next().unwrap_or_default().trim();
                table.map_or(key.to_owned(), |table| format!("{}.{key}", table.trim_start_matches('[')))
            }
        };
        Self { key, problem: error.message().trim_end().replace('\n', " ") }
    }

    /// One that a check has found, which names the key first.
    pub(super) fn checked(text: &str) -> Self {
        let (key, problem) = text.split_once(": ").unwrap_or(("", text));
        Self { key: key.to_owned(), problem: problem.to_owned() }
    }
}
