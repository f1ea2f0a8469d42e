//! The text of a fleet key file: one key a line, `key ID CREATED STATE SECRET`. Text in, keys out; no IO.
//!
//! CREATED is in Unix seconds, STATE is `active` (may sign sessions) or `retiring` (opens what it signed), SECRET is 32
//! bytes in hex. `#` starts a comment.

use std::fmt::Write;

use crate::FleetKey;

/// Whether a key may sign new sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Signs new sessions, if it is the newest.
    Active,
    /// Opens the sessions it has signed until the last of them has expired.
    Retiring,
}

/// One line of a fleet key file.
#[derive(Clone)]
pub struct FleetKeyLine {
    /// Key id and secret.
    pub key: FleetKey,
    /// When the key was made, in Unix seconds.
    pub created: u64,
    /// Whether it may sign new sessions.
    pub state: KeyState,
}

/// Why a text is not a fleet key file. Never shows a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// A line that is not `key ID CREATED STATE SECRET`.
    #[error("line {line}: {problem}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong, and what belongs there.
        problem: &'static str,
    },
    /// Nothing but comments.
    #[error("holds no key")]
    Empty,
}

/// The keys of a file, in its order.
pub fn parse_fleet_keys(text: &str) -> Result<Vec<FleetKeyLine>, KeyFileError> {
    let mut keys: Vec<FleetKeyLine> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let error = |problem| KeyFileError::Line { line: index + 1, problem };
        let content = line.split('#').next().unwrap_or_default().trim();
        if content.is_empty() {
            continue;
        }
        let key = parse_line(content).map_err(error)?;
        if keys.iter().any(|other| other.key.id == key.key.id) {
            return Err(error("this key id stands in the file twice"));
        }
        keys.push(key);
    }
    if keys.is_empty() { Err(KeyFileError::Empty) } else { Ok(keys) }
}

/// The key that whoever holds the file seals with: the newest active one.
pub fn newest_active_key(keys: Vec<FleetKeyLine>) -> Option<FleetKey> {
    let active = keys.into_iter().filter(|line| line.state == KeyState::Active);
    active.max_by_key(|line| line.created).map(|line| line.key)
}

/// The text of a file that holds these keys.
pub fn format_fleet_keys(keys: &[FleetKeyLine]) -> String {
    let mut text = String::from(HEADER);
    for FleetKeyLine { key, created, state } in keys {
        let state = match state {
            KeyState::Active => "active",
            KeyState::Retiring => "retiring",
        };
        let _ = writeln!(text, "key {} {created} {state} {}", key.id, key_to_hex(&key.secret));
    }
    text
}

/// 64 hex digits, as keys are written in files and in the answer to `POST /v1/session`.
pub fn key_to_hex(key: &[u8; 32]) -> String {
    let mut text = String::with_capacity(64);
    for byte in key {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// What [`key_to_hex`] wrote; `None` for anything but 64 hex digits.
pub fn key_from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 {
        return None;
    }
    let mut key = [0; 32];
    for (byte, digits) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let value = |digit: u8| char::from(digit).to_digit(16);
        *byte = (value(digits[0])? * 16 + value(digits[1])?) as u8;
    }
    Some(key)
}

fn parse_line(content: &str) -> Result<FleetKeyLine, &'static str> {
    let words: Vec<&str> = content.split_ascii_whitespace().collect();
    let ["key", id, created, state, secret] = words[..] else {
        return Err("a line reads: key ID CREATED STATE SECRET");
    };
    let id = id.parse().map_err(|_| "the key id is a number from 0 to 65535")?;
    let created = created.parse().map_err(|_| "the time of creation is in Unix seconds")?;
    let state = match state {
        "active" => KeyState::Active,
        "retiring" => KeyState::Retiring,
        _ => return Err("the state is active or retiring"),
    };
    let secret = key_from_hex(secret).ok_or("the secret is 64 hex digits")?;
    Ok(FleetKeyLine { key: FleetKey { id, secret }, created, state })
}

const HEADER: &str = "\
# Fleet keys: session keys derive from them. Whoever reads this file can speak for every agent; keep it mode 0600.
# key ID CREATED STATE SECRET
";

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: u16, state: KeyState) -> FleetKeyLine {
        FleetKeyLine { key: FleetKey { id, secret: [id as u8; 32] }, created: 1_700_000_000, state }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let text = format_fleet_keys(&[line(7, KeyState::Retiring), line(65_535, KeyState::Active)]);
        let keys = parse_fleet_keys(&text).unwrap();
        let seen: Vec<_> = keys.iter().map(|k| (k.key.id, k.key.secret, k.created, k.state)).collect();
        let first = (7, [7; 32], 1_700_000_000, KeyState::Retiring);
        assert_eq!(seen, [first, (65_535, [255; 32], 1_700_000_000, KeyState::Active)]);
    }

    #[test]
    fn mistakes_are_named_with_their_line_and_without_the_secret() {
        let secret = "0f".repeat(32);
        let check = |text: &str, expected: &str| {
            let error = parse_fleet_keys(&text.replace("SECRET", &secret)).err().unwrap().to_string();
            assert!(error.contains(expected) && !error.contains(&secret), "{error}");
        };
        check("", "holds no key");
        check("# key 1 1 active SECRET", "holds no key");
        check("\nkey 1 1 active", "line 2: a line reads");
        check("key 65536 1 active SECRET", "line 1: the key id");
        check("key 1 then active SECRET", "Unix seconds");
        check("key 1 1 asleep SECRET", "active or retiring");
        check("key 1 1 active SECRETff", "64 hex digits");
        check("key 1 1 active +f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f", "64 hex digits");
        check("key 1 1 active SECRET\nkey 1 2 active SECRET", "line 2: this key id stands in the file twice");
    }
}
