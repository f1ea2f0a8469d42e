//! Why no batch is acknowledged: what silence, a TLS connection or a gateway's word on it tells.
//!
//! What does not open is answered by nobody, so a wrong key looks like a network that swallows all. On a TLS stream the gateway
//! says why it refuses.

/// What is known, and was logged.
#[derive(Debug, Default)]
pub(super) struct Trouble(Option<&'static Known>);

/// A reason, by the gateways' word for it, and what to do.
#[derive(Debug)]
struct Known {
    word: &'static str,
    advice: &'static str,
}

/// Rounds of silence after which something is said: about five seconds.
const SILENT: u32 = 4;

const SILENCE: Known = Known {
    word: "silence",
    advice: "no gateway answers; why will be asked by TLS: the network may swallow datagrams, or gateways refuse them",
};
const SILENCE_FOR_GOOD: Known = Known {
    word: "silence",
    advice: "no gateway answers, and without `ca` none can be asked why: look whether it runs, whether this agent's fleet key is \
             one of its own (the gateway's log names refused datagrams by address), and at the network",
};
const UNREACHABLE: Known =
    Known { word: "unreachable", advice: "no gateway answers by UDP, and none can be asked by TLS" };
const REFUSALS: [Known; 8] = [
    Known {
        word: "unknown_key",
        advice: "the gateway does not know this agent's fleet key: give it the gateway's key file",
    },
    Known {
        word: "tag",
        advice: "the gateway has another fleet key of this number: give the agent the gateway's key file",
    },
    Known { word: "expired", advice: "the session has expired by the gateway's clock: look at both clocks" },
    Known { word: "denied", advice: "this agent's id is on the gateway's deny-list" },
    Known {
        word: "clock_ahead",
        advice: "windows end too far past the gateway's clock: look at the host's time daemon",
    },
    Known { word: "stream_token", advice: "the gateway asks for a token, or refuses this agent's: see `token`" },
    Known { word: "stream_tenant", advice: "the agent's token is of another tenant than its key" },
    Known { word: "version", advice: "the gateway speaks another version of the wire format: upgrade it first" },
];
const OTHER: Known =
    Known { word: "other", advice: "the gateway refuses batches: its weir_gateway_refused_total says what to do" };

impl Trouble {
    /// Looks at how long nothing has answered.
    pub(super) fn watch(&mut self, silent_rounds: u32, can_ask: bool) {
        if silent_rounds >= SILENT && self.0.is_none() {
            self.tell(if can_ask { &SILENCE } else { &SILENCE_FOR_GOOD }, "");
        }
    }

    /// A gateway has refused a batch.
    pub(super) fn refused(&mut self, reason: &str) {
        let known = REFUSALS.iter().find(|known| known.word == reason);
        self.tell(known.unwrap_or(&OTHER), reason);
    }

    /// There is no TLS with a gateway. A refusal says more than that.
    pub(super) fn unreachable(&mut self, error: &str) {
        if self.0.is_some_and(|known| known.word == SILENCE.word) {
            self.tell(&UNREACHABLE, error);
        }
    }

    /// A batch was acknowledged.
    pub(super) fn is_over(&mut self) {
        if let Some(known) = self.0.take() {
            tracing::info!(trouble = known.word, "batches are acknowledged again");
        }
    }

    /// The word for the status page.
    pub(super) fn word(&self) -> &'static str {
        self.0.map_or("none", |known| known.word)
    }

    fn tell(&mut self, known: &'static Known, said: &str) {
        if self.0.is_none_or(|before| before.word != known.word) {
            tracing::warn!(trouble = known.word, said, "{}", known.advice);
        }
        self.0 = Some(known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_learned_stands_until_an_ack() {
        let mut trouble = Trouble::default();
        trouble.watch(3, true);
        assert_eq!(trouble.word(), "none");
        trouble.watch(4, true);
        assert_eq!(trouble.word(), "silence");
        trouble.unreachable("connecting");
        assert_eq!(trouble.word(), "unreachable");
        for (said, word) in [("tag", "tag"), ("denied", "denied"), ("queue_full", "other")] {
            trouble.refused(said);
            trouble.unreachable("closed");
            trouble.watch(9, true);
            assert_eq!(trouble.word(), word);
        }
        trouble.is_over();
        assert_eq!(trouble.word(), "none");
    }
}
