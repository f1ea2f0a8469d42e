//! Who may send: the header's session is derived or found, and the seal decides.

use std::{fmt, sync::Arc, time::Duration};

use weir_identity::{DenyList, FleetKeys, Identity, TokenKeys};
use weir_queue::Lane;
use weir_sample::Timestamp;
use weir_wire::{DatagramKind, Decoder, HEADER_BYTES, Header, Refusal, SessionKeys, TAG_BYTES};

use crate::{
    gate::{Doorkeeper, Gate, Shed},
    session_cache::{SessionCache, SessionId},
};

/// What decides over agents. Every part reloads while the gateway runs.
#[derive(Clone)]
pub struct Admission {
    /// The keys that sessions derive from.
    pub keys: Arc<FleetKeys>,
    /// Agents that are refused.
    pub denied: Arc<DenyList>,
    /// Checks the tokens of streams. `None`: a stream needs none, the seals of its batches are enough.
    pub tokens: Option<Arc<TokenKeys>>,
}

impl From<&Identity> for Admission {
    fn from(identity: &Identity) -> Self {
        let Identity { fleet, denied, tokens, .. } = identity;
        Self { keys: Arc::clone(fleet), denied: Arc::clone(denied), tokens: tokens.clone() }
    }
}

impl fmt::Debug for Admission {
    /// Keys are not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission").finish_non_exhaustive()
    }
}

/// Opens the datagrams of one receiver.
pub(crate) struct Opener {
    admission: Admission,
    sessions: SessionCache,
    /// Of the fleet keys that the cached sessions derive from.
    generation: u64,
    decoder: Decoder,
    pub(crate) door: Doorkeeper,
    clock_ahead: Duration,
    derived: u64,
}

/// A datagram that authenticated.
pub(crate) struct Opened {
    pub(crate) header: Header,
    pub(crate) keys: Arc<SessionKeys>,
}

/// A datagram that is to be queued.
pub(crate) struct Admitted {
    pub(crate) opened: Opened,
    pub(crate) lane: Lane,
}

/// Why a datagram goes no further.
pub(crate) enum Refused {
    /// It did not open, and nobody is told.
    Wire(Refusal),
    /// It opened, but its window ends too far in the future: its agent is told the time.
    ClockAhead(Opened),
    /// It opened, but there is no room for it now: its agent is told to slow down.
    Shed(Opened, Shed),
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Wire(refusal)
    }
}

/// Where the payload of an opened datagram is.
pub(crate) fn payload(datagram: &[u8]) -> &[u8] {
    &datagram[HEADER_BYTES..datagram.len() - TAG_BYTES]
}

impl Opener {
    pub(crate) fn new(admission: Admission, gate: Arc<Gate>, cached_sessions: usize, clock_ahead: Duration) -> Self {
        let generation = admission.keys.generation();
        let (sessions, decoder) = (SessionCache::new(cached_sessions), Decoder::new());
        Self { admission, sessions, generation, decoder, door: Doorkeeper::new(gate), clock_ahead, derived: 0 }
    }

    /// Authenticates a datagram and decrypts it in place.
    pub(crate) fn open(&mut self, datagram: &mut [u8], now: Timestamp) -> Result<Admitted, Refused> {
        self.open_headed(Header::decode(datagram)?, datagram, now)
    }

    /// As [`Opener::open`], for a sealed datagram that came as a frame of a stream and may be longer.
    pub(crate) fn open_frame(&mut self, frame: &mut [u8], now: Timestamp) -> Result<Admitted, Refused> {
        self.open_headed(Header::decode_any_length(frame)?, frame, now)
    }

    fn open_headed(&mut self, header: Header, datagram: &mut [u8], now: Timestamp) -> Result<Admitted, Refused> {
        let keys = self.unseal(&header, datagram, now)?;
        let opened = Opened { header, keys };
        let head = self.decoder.head(payload(datagram)).map_err(|_| Refusal::Content)?;
        // Windows of the distant past carry the server's own notes to the sink.
        if head.window.end() <= Timestamp(0) {
            return Err(Refusal::Content.into());
        }
        let ahead = head.window.end().since(now);
        if !self.clock_ahead.is_zero() && ahead > self.clock_ahead {
            return Err(Refused::ClockAhead(opened));
        }
        match self.door.admit(&opened.header, &head, &mut self.decoder, now) {
            Ok(lane) => Ok(Admitted { opened, lane }),
            Err(shed) => Err(Refused::Shed(opened, shed)),
        }
    }

    fn unseal(&mut self, header: &Header, datagram: &mut [u8], now: Timestamp) -> Result<Arc<SessionKeys>, Refusal> {
        if header.kind != DatagramKind::Batch {
            return Err(Refusal::Direction);
        }
        if i64::from(header.expires) <= now.millis() / 1_000 {
            return Err(Refusal::Expired);
        }
        if self.admission.denied.denies(&header.agent) {
            return Err(Refusal::Denied);
        }
        self.follow_keys();
        let id = SessionId::from(header);
        if let Some(keys) = self.sessions.find(&id) {
            weir_wire::open(datagram, &keys)?;
            return Ok(keys);
        }
        let keys = self.derive(header)?;
        weir_wire::open(datagram, &keys)?;
        self.sessions.insert(id, Arc::clone(&keys));
        Ok(keys)
    }

    /// A key that was revoked must not live on in the cache.
    fn follow_keys(&mut self) {
        let generation = self.admission.keys.generation();
        if generation != self.generation {
            self.sessions.clear();
            self.generation = generation;
        }
    }

    fn derive(&mut self, header: &Header) -> Result<Arc<SessionKeys>, Refusal> {
        let key = self.admission.keys.key(header.key_id).ok_or(Refusal::UnknownKey)?;
        self.derived += 1;
        Ok(Arc::new(SessionKeys::new(&key.session(header.tenant, header.agent, header.expires))))
    }

    /// Sessions derived since the last call.
    pub(crate) fn take_derived(&mut self) -> u64 {
        std::mem::take(&mut self.derived)
    }
}
