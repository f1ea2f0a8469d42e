//! The session that seals now, and those before it, whose acks may still be on their way.

use std::time::Instant;

use crate::{Header, Session, SessionKeys};

/// A sender's sessions, the newest first.
#[derive(Debug, Default)]
pub(super) struct Sessions(Vec<Granted>);

/// A session, until when it is good, and what it seals with.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) session: Session,
    until: Option<Instant>,
    pub(super) keys: SessionKeys,
}

/// Sessions remembered, for acks that are still on their way.
const MAX_SESSIONS: usize = 3;

impl Sessions {
    /// Seals with this session from now on, until then; `None`: for ever.
    pub(super) fn grant(&mut self, session: Session, until: Option<Instant>) {
        let keys = SessionKeys::new(&session);
        self.0.truncate(MAX_SESSIONS - 1);
        self.0.insert(0, Granted { session, until, keys });
    }

    /// Whether there was none so far.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The session to seal with at `now`: the newest, if it is good.
    pub(super) fn good(&self, now: Instant) -> Option<&Granted> {
        self.0.first().filter(|granted| granted.is_good(now))
    }

    /// The session that sealed what this header answers.
    pub(super) fn answered(&self, header: &Header) -> Option<&Granted> {
        let of = |session: &Session| (session.key_id, session.expires, session.tenant, session.agent);
        let sealed = |session: &Session| of(session) == (header.key_id, header.expires, header.tenant, header.agent);
        self.0.iter().find(|granted| sealed(&granted.session))
    }
}

impl Granted {
    /// Gateways refuse what an expired session has sealed, without a word.
    fn is_good(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}
