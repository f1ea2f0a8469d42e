//! What is told to people beside metrics: DogStatsD's events and service checks.

/// An event or the result of a service check, with line breaks as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Which of both it is.
    pub kind: EventKind,
    /// Its title; of a check its name.
    pub title: String,
    /// What it says.
    pub text: String,
    /// Unix seconds that it is of, as far as anybody has said.
    pub at: Option<i64>,
    /// The host that it tells of.
    pub host: Option<String>,
    /// The kind of program that it came from.
    pub source: Option<String>,
    /// Events with one key belong together.
    pub aggregation_key: Option<String>,
    /// Tags as sent.
    pub tags: Vec<(String, String)>,
    /// Whether the end of its text is left out, because it was longer than what carries it.
    pub is_cut: bool,
}

/// What tells events from service checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// Something has happened.
    Event {
        /// `normal` or `low`.
        priority: String,
        /// `info`, `success`, `warning` or `error`.
        alert_type: String,
    },
    /// A service was looked at.
    Check(CheckStatus),
}

/// What a service check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CheckStatus {
    /// All is well.
    Ok = 0,
    /// Something is off.
    Warning = 1,
    /// It does not work.
    Critical = 2,
    /// The check could not tell.
    Unknown = 3,
}

impl CheckStatus {
    /// The status of this number, as DogStatsD writes it.
    pub const fn of(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Ok),
            1 => Some(Self::Warning),
            2 => Some(Self::Critical),
            3 => Some(Self::Unknown),
            _ => None,
        }
    }

    /// `ok`, `warning`, `critical` or `unknown`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
        }
    }
}

impl Event {
    /// `normal` or `low`; a check is `normal`.
    pub fn priority(&self) -> &str {
        match &self.kind {
            EventKind::Event { priority, .. } => priority,
            EventKind::Check(_) => "normal",
        }
    }

    /// `info`, `success`, `warning` or `error`; of a check what its status amounts to.
    pub fn alert_type(&self) -> &str {
        match &self.kind {
            EventKind::Event { alert_type, .. } => alert_type,
            EventKind::Check(CheckStatus::Ok) => "success",
            EventKind::Check(CheckStatus::Warning) => "warning",
            EventKind::Check(CheckStatus::Critical) => "error",
            EventKind::Check(CheckStatus::Unknown) => "info",
        }
    }

    /// Leaves out the end of the text, so that at most this many bytes of it stay.
    pub fn cut_text(&mut self, bytes: usize) {
        if self.text.len() > bytes {
            self.text.truncate(self.text.floor_char_boundary(bytes));
            self.is_cut = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        let kind = EventKind::Check(CheckStatus::Critical);
        let (title, text) = ("db".to_owned(), "aé".to_owned());
        let (at, host, source, aggregation_key, tags) = (None, None, None, None, Vec::new());
        let mut event = Event { kind, title, text, at, host, source, aggregation_key, tags, is_cut: false };
        event.cut_text(3);
        assert_eq!((event.text.as_str(), event.is_cut), ("aé", false));
        event.cut_text(2);
        assert_eq!((event.text.as_str(), event.is_cut), ("a", true));
        assert_eq!((event.priority(), event.alert_type()), ("normal", "error"));
    }
}
