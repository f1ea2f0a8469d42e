//! A token for a session key: the client's half of `POST /v1/session` (docs/session.md).
//!
//! Whoever drives the connection writes [`SessionRequest::text`] and hands what came back to [`SessionRequest::read`];
//! [`SessionRequest::ask`] is all of that for a client that blocks.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde::Deserialize;
use weir_wire::{AgentId, Session, key_from_hex};

use crate::{ClientTls, Error};

/// Who asks whom.
#[derive(Clone, Copy)]
pub struct SessionRequest<'a> {
    /// The server's name, as its certificate has it.
    pub server: &'a str,
    /// The token, alone.
    pub token: &'a str,
    /// The sender's own id; the session is for what the token makes of it, [`SessionRequest::agent`].
    pub own: AgentId,
}

/// A session that a server has given.
#[derive(Clone, Debug)]
pub struct Granted {
    /// What to seal with.
    pub session: Session,
    /// How long it lives from now.
    pub lives: Duration,
    /// The server's clock, in milliseconds since the Unix epoch.
    pub server_time_ms: i64,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// What stands for a token is none.
    #[error("no token: one line of text, as `weir token issue` prints it")]
    NoToken,
    /// It has the form of a token, and cannot be read.
    #[error("no token that a server takes: a JWT with `tenant`, `sub` and `exp`, as `weir token issue` prints it")]
    Unreadable,
    /// The server cannot be reached, or went away.
    #[error("{doing} {address}: {source}")]
    Connection {
        /// What was being done.
        doing: &'static str,
        /// Where the server should be.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// No TLS with it.
    #[error(transparent)]
    Tls(#[from] Error),
    /// What came back is no HTTP, or no session.
    #[error("the server's answer is no session: {0}")]
    Answer(String),
    /// The server said no.
    #[error("the server refused the session ({status}): {reason}")]
    Refused {
        /// The status of HTTP.
        status: u16,
        /// The server's sentence.
        reason: String,
    },
}

/// An answer is a few hundred bytes; this is for servers that are something else.
const MAX_ANSWER_BYTES: u64 = 64 << 10;
/// A server whose clock is wrong must not make a client ask without pause.
const SHORTEST_LIFE: Duration = Duration::from_secs(1);

impl<'a> SessionRequest<'a> {
    /// The token in a file's text.
    ///
    /// # Errors
    /// [`SessionError::NoToken`] if it is empty or anything but one word.
    pub fn token(text: &str) -> Result<&str, SessionError> {
        let token = text.trim();
        let legal = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        if legal { Ok(token) } else { Err(SessionError::NoToken) }
    }

    /// The Unix second at which a token ends. Nothing is said of its signature.
    ///
    /// # Errors
    /// [`SessionError::Unreadable`] if no server would take it.
    pub fn end_of(token: &str) -> Result<u64, SessionError> {
        claims(token).and_then(|claims| claims.exp).ok_or(SessionError::Unreadable)
    }

    /// Whom the session is for. The token is read without a look at its signature: what it says binds the server, which
    /// refuses any other id. One that cannot be read leaves the id as it is, for the server to say why.
    pub fn agent(&self) -> AgentId {
        match claims(self.token) {
            Some(Claims { tenant, sub, .. }) => self.own.for_token(tenant, &sub),
            None => self.own,
        }
    }

    /// The request as it is written to the connection, which it asks the server to close.
    pub fn text(&self) -> String {
        let (Self { server, token, .. }, agent) = (self, self.agent());
        let body = format!("{{\"agent\":\"{agent}\"}}");
        format!(
            "POST /v1/session HTTP/1.1\r\nHost: {server}\r\nAuthorization: Bearer {token}\r\nContent-Type: \
             application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    }

    /// Reads all that came back.
    ///
    /// # Errors
    /// [`SessionError::Refused`] with the server's reason, [`SessionError::Answer`] for what is no answer.
    pub fn read(&self, answer: &[u8]) -> Result<Granted, SessionError> {
        let text = String::from_utf8_lossy(answer);
        let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| SessionError::Answer("no HTTP".into()))?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        if status != 200 {
            let reason = serde_json::from_str::<Refusal>(body).map_or_else(|_| body.trim().into(), |body| body.error);
            return Err(SessionError::Refused { status, reason });
        }
        let answer: Answer = serde_json::from_str(body).map_err(|error| SessionError::Answer(error.to_string()))?;
        let key = key_from_hex(&answer.key).ok_or_else(|| SessionError::Answer("no key in it".into()))?;
        let Answer { key_id, expires, tenant, server_time_ms, .. } = answer;
        let lives_ms = i64::from(expires) * 1_000 - server_time_ms;
        let lives = Duration::from_millis(u64::try_from(lives_ms).unwrap_or_default()).max(SHORTEST_LIFE);
        Ok(Granted { session: Session { key_id, tenant, agent: self.agent(), expires, key }, lives, server_time_ms })
    }

    /// Asks a server at `address`, over a connection of its own. No step of it waits longer than `patience`.
    ///
    /// # Errors
    /// Any [`SessionError`].
    pub fn ask(&self, address: SocketAddr, tls: &ClientTls, patience: Duration) -> Result<Granted, SessionError> {
        let failed = |doing| move |source| SessionError::Connection { doing, address, source };
        let stream = TcpStream::connect_timeout(&address, patience).map_err(failed("connecting to"))?;
        let limited = stream.set_read_timeout(Some(patience)).and_then(|()| stream.set_write_timeout(Some(patience)));
        limited.map_err(failed("setting limits of time for"))?;
        let mut stream = tls.connect_blocking(stream, self.server)?;
        stream.write_all(self.text().as_bytes()).map_err(failed("asking for a session at"))?;
        stream.flush().map_err(failed("asking for a session at"))?;
        let mut answer = Vec::new();
        match stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer) {
            // A server may close the connection without TLS' own goodbye.
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(failed("reading the session of")(error))?,
            _ => self.read(&answer),
        }
    }
}

/// Whose a token is.
#[derive(Deserialize)]
struct Claims {
    tenant: u32,
    sub: String,
    exp: Option<u64>,
}

/// What the second of a token's three parts says.
fn claims(token: &str) -> Option<Claims> {
    serde_json::from_slice(&base64url(token.split('.').nth(1)?)?).ok()
}

/// The bytes behind base64url without padding (RFC 4648, 5), as JWTs have it.
fn base64url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut held, mut bits) = (0_u32, 0);
    for digit in text.bytes() {
        let six = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        (held, bits) = (held << 6 | u32::from(six), bits + 6);
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
        }
    }
    Some(bytes)
}

#[derive(Deserialize)]
struct Answer {
    key_id: u16,
    key: String,
    expires: u32,
    tenant: u32,
    server_time_ms: i64,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(answer: &str) -> Result<Granted, SessionError> {
        SessionRequest { server: "a", token: "t", own: AgentId([1; 16]) }.read(answer.as_bytes())
    }

    fn answer(status: &str, body: &str) -> Result<Granted, SessionError> {
        read(&format!("HTTP/1.1 {status}\r\ncontent-length: 9\r\n\r\n{body}"))
    }

    #[test]
    fn answers_become_sessions_or_reasons() {
        let key = "ab".repeat(32);
        let body = format!(
            "{{\"key_id\":2,\"key\":\"{key}\",\"expires\":1060,\"tenant\":7,\"server_time_ms\":1000000,\"new\":1}}"
        );
        let Granted { session, lives, .. } = answer("200 OK", &body).unwrap();
        assert_eq!((session.key_id, session.tenant, session.expires, session.key), (2, 7, 1_060, [0xab; 32]));
        assert_eq!(lives, Duration::from_secs(60));
        let refused = answer("401 Unauthorized", "{\"status\":\"error\",\"error\":\"the token expired\"}").unwrap_err();
        assert!(refused.to_string().contains("(401): the token expired"), "{refused}");
        assert!(matches!(answer("200 OK", &body.replace(&key, "ab")), Err(SessionError::Answer(_))));
        assert!(matches!(read("nonsense"), Err(SessionError::Answer(_))));
    }

    #[test]
    fn the_session_is_for_whom_the_token_names() {
        let own = AgentId([1; 16]);
        let check = |token: &str, expected: AgentId| {
            let request = SessionRequest { server: "a", token, own };
            assert_eq!(request.agent(), expected, "{token}");
            assert!(request.text().ends_with(&format!("{{\"agent\":\"{expected}\"}}")));
        };
        // {"aud":"weir","sub":"w\u00e9b?>","tenant":7}
        check("e30.eyJhdWQiOiJ3ZWlyIiwic3ViIjoid1x1MDBlOWI_PiIsInRlbmFudCI6N30.c2ln", own.for_token(7, "wéb?>"));
        for unreadable in ["t", "a.b.c", "a.!.c", "e30.e30.e30"] {
            check(unreadable, own);
            assert!(matches!(SessionRequest::end_of(unreadable), Err(SessionError::Unreadable)));
        }
        // {"sub":"web","tenant":7,"exp":1795435200}
        let token = "e30.eyJzdWIiOiJ3ZWIiLCJ0ZW5hbnQiOjcsImV4cCI6MTc5NTQzNTIwMH0.c2ln";
        assert_eq!(SessionRequest::end_of(token).unwrap(), 1_795_435_200);
    }

    #[test]
    fn a_token_is_one_word() {
        assert_eq!(SessionRequest::token(" a.b.c\n").unwrap(), "a.b.c");
        for none in ["", "\n", "a b", "a\nHost: b", "ä"] {
            assert!(SessionRequest::token(none).is_err(), "{none:?}");
        }
    }
}
