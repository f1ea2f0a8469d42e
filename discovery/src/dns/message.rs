//! DNS messages (RFC 1035): a question for addresses or services (RFC 2782), and what an answer says.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Record {
    /// Addresses of IPv4.
    V4 = 1,
    /// Addresses of IPv6.
    V6 = 28,
    /// Hosts and ports of a service.
    Service = 33,
}

/// What a server said.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// Perhaps none: the name exists, or does not, and has no such address.
    Addresses(Vec<IpAddr>),
    /// Hosts and ports, if services were asked for; perhaps none.
    Services(Vec<(String, u16)>),
    /// Too long for a datagram.
    Truncated,
    /// The server could not say.
    Failed,
}

const INTERNET: u16 = 1;
const HEADER_BYTES: usize = 12;
const MAX_NAME_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;

/// A question as it is sent, by datagram or, behind its length, by stream.
#[derive(Clone, Debug)]
pub struct Question(Vec<u8>);

impl Question {
    /// Asks for a name's addresses; `None` if this cannot be a name. The id should be hard to guess.
    pub fn new(id: [u8; 2], name: &str, record: Record) -> Option<Self> {
        let name = name.trim_end_matches('.');
        if name.is_empty() || name.len() > MAX_NAME_BYTES {
            return None;
        }
        let mut message = id.to_vec();
        // Recursion desired; one question.
        message.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        for label in name.split('.') {
            if label.is_empty() || label.len() > MAX_LABEL_BYTES {
                return None;
            }
            message.push(label.len() as u8);
            message.extend(label.bytes());
        }
        message.push(0);
        message.extend((record as u16).to_be_bytes());
        message.extend(INTERNET.to_be_bytes());
        Some(Self(message))
    }

    /// The message.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads the answer to this question; `None` if it is none, or not whole.
    pub fn answer(&self, message: &[u8]) -> Option<Answer> {
        let Self(question) = self;
        let word = |at: usize| Some(u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]));
        let (flags, questions, answers) = (word(2)?, word(4)?, word(6)?);
        // The name may come back in other letters' case.
        let echoed = message.get(HEADER_BYTES..question.len())?;
        let is_answer = flags & RESPONSE != 0 && questions == 1 && message[..2] == question[..2];
        if !is_answer || !echoed.eq_ignore_ascii_case(&question[HEADER_BYTES..]) {
            return None;
        }
        if flags & TRUNCATED != 0 {
            return Some(Answer::Truncated);
        }
        match flags & CODE {
            NO_ERROR => {}
            NO_SUCH_NAME => return Some(self.found(Vec::new(), Vec::new())),
            _ => return Some(Answer::Failed),
        }
        let (mut at, mut found, mut services) = (question.len(), Vec::new(), Vec::new());
        for _ in 0..answers {
            at = after_name(message, at)?;
            let (kind, length) = (word(at)?, usize::from(word(at + 8)?));
            let data = message.get(at + 10..at + 10 + length)?;
            // Aliases stand before the addresses they lead to; the server has followed them.
            if kind == Record::V4 as u16 {
                found.push(Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?).into());
            } else if kind == Record::V6 as u16 {
                found.push(Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?).into());
            } else if kind == Record::Service as u16 {
                // Priority and weight stand before the port, and mean nothing to who asks all.
                services.push((name(message, at + 16)?, word(at + 14)?));
            }
            at += 10 + length;
        }
        Some(self.found(found, services))
    }

    fn found(&self, addresses: Vec<IpAddr>, services: Vec<(String, u16)>) -> Answer {
        let [.., high, low, _, _] = self.0[..] else { return Answer::Failed };
        match u16::from_be_bytes([high, low]) == Record::Service as u16 {
            true => Answer::Services(services),
            false => Answer::Addresses(addresses),
        }
    }
}

const RESPONSE: u16 = 0x8000;
const TRUNCATED: u16 = 0x0200;
const CODE: u16 = 0x000f;
const NO_ERROR: u16 = 0;
const NO_SUCH_NAME: u16 = 3;

/// Where a name ends; what it is does not matter.
fn after_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            // A pointer to a name further up ends this one.
            length if length & 0xc0 == 0xc0 => return Some(at + 2),
            length => at += 1 + usize::from(length),
        }
    }
}

/// The name that stands somewhere, parts of which may stand further up.
fn name(message: &[u8], mut at: usize) -> Option<String> {
    let mut name = String::new();
    // Each part is one step; a circle of pointers has no end.
    for _ in 0..MAX_NAME_BYTES {
        match *message.get(at)? {
            0 => return Some(name),
            length if length & 0xc0 == 0xc0 => {
                at = usize::from(u16::from_be_bytes([length & 0x3f, *message.get(at + 1)?]));
            }
            length => {
                let label = message.get(at + 1..at + 1 + usize::from(length))?;
                if !name.is_empty() {
                    name.push('.');
                }
                name.push_str(std::str::from_utf8(label).ok()?);
                at += 1 + usize::from(length);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn question(id: u8, name: &str, record: Record) -> Option<Question> {
        Question::new([0, id], name, record)
    }

    /// An answer with an alias before the addresses.
    fn answer_to(question: &Question, flags: u16, addresses: &[IpAddr]) -> Vec<u8> {
        let mut message = question.bytes().to_vec();
        message[2..4].copy_from_slice(&(RESPONSE | flags).to_be_bytes());
        message[7] = 1 + addresses.len() as u8;
        let mut record = |kind: u16, data: &[u8]| {
            message.extend([0xc0, HEADER_BYTES as u8]);
            message.extend(kind.to_be_bytes());
            message.extend([0, 1, 0, 0, 0, 60]);
            message.extend((data.len() as u16).to_be_bytes());
            message.extend(data);
        };
        record(5, b"\x03gw1\x00");
        for address in addresses {
            match address {
                IpAddr::V4(address) => record(1, &address.octets()),
                IpAddr::V6(address) => record(28, &address.octets()),
            }
        }
        message
    }

    #[test]
    fn addresses_come_out_of_an_answer() {
        let question = question(7, "gw.example.org", Record::V4).unwrap();
        let addresses: Vec<IpAddr> = vec!["10.0.0.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
        let check = |flags, expected| {
            assert_eq!(question.answer(&answer_to(&question, flags, &addresses)), Some(expected), "{flags:x}");
        };
        check(0, Answer::Addresses(addresses.clone()));
        check(NO_SUCH_NAME, Answer::Addresses(Vec::new()));
        check(2, Answer::Failed);
        check(TRUNCATED, Answer::Truncated);
    }

    #[test]
    fn answers_to_other_questions_are_none() {
        let ours = question(7, "gw.example.org", Record::V4).unwrap();
        for other in [
            question(8, "gw.example.org", Record::V4),
            question(7, "gx.example.org", Record::V4),
            question(7, "gw.example.org", Record::V6),
        ] {
            assert_eq!(ours.answer(&answer_to(&other.unwrap(), 0, &[])), None);
        }
        assert_eq!(ours.answer(ours.bytes()), None);
    }

    #[test]
    fn services_come_out_with_the_names_that_the_answer_abbreviates() {
        let question = question(7, "_web._tcp.example.org", Record::Service).unwrap();
        let mut message = question.bytes().to_vec();
        message[2..4].copy_from_slice(&RESPONSE.to_be_bytes());
        message[7] = 2;
        // `example.org` stands 10 bytes into the question's name.
        for (host, port) in [(&b"\x01a\xc0\x16"[..], 80u16), (b"\x01b\x03net\0", 8080)] {
            message.extend([0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, 6 + host.len() as u8, 0, 1, 0, 2]);
            message.extend(port.to_be_bytes());
            message.extend(host);
        }
        let expected = vec![("a.example.org".to_owned(), 80), ("b.net".to_owned(), 8080)];
        assert_eq!(question.answer(&message), Some(Answer::Services(expected)));
        // A name that leads back to itself is none.
        let circle = message.len() - 7;
        message[circle - 6..circle - 4].copy_from_slice(&[0xc0, (circle - 6) as u8]);
        question.answer(&message);
        assert_eq!(name(&[0xc0, 0], 0), None);
    }

    #[test]
    fn what_cannot_be_a_name_is_not_asked() {
        let check = |name: &str, ok| assert_eq!(question(1, name, Record::V4).is_some(), ok, "{name}");
        check("a.b.", true);
        check("", false);
        check("a..b", false);
        check(&"a".repeat(64), false);
        check(&"a.".repeat(130), false);
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(tail in prop::collection::vec(any::<u8>(), 0..200), cut in 0usize..80) {
            let question = question(7, "gw.example.org", Record::V4).unwrap();
            let mut message = answer_to(&question, 0, &[]);
            message.extend(tail);
            message[7] = 200;
            question.answer(&message);
            message.truncate(cut);
            question.answer(&message);
            name(&message, cut / 2);
        }
    }
}
