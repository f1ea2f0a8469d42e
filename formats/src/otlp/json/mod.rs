//! Requests of JSON told as protobuf, as they are read: nothing is kept of the text, and what comes out is bounded.
//!
//! What protobuf's mapping to JSON allows is allowed: numbers as strings, enums by name or number, members that nobody
//! knows, null for what is not there. A member that comes twice is refused, and two where only one may be.

mod shape;

use std::cell::Cell;

use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Refused;
use crate::base64;
use crate::pen::varint;
use shape::{Member, REQUEST, Shape, Type};

/// A request as protobuf has it; at most so many bytes.
///
/// # Errors
/// It is no JSON, none of a request, or longer.
pub fn from_json(text: &[u8], most_bytes: usize) -> Result<Vec<u8>, Refused> {
    told(text, &REQUEST, most_bytes)
}

#[cfg(test)]
pub(super) fn value(text: &[u8]) -> Result<Vec<u8>, Refused> {
    told(text, &shape::VALUE, 1 << 20)
}

fn told(text: &[u8], shape: &'static Shape, most_bytes: usize) -> Result<Vec<u8>, Refused> {
    // What is passed over must be text too, which the reader of JSON does not look after.
    let text = std::str::from_utf8(text).map_err(|error| Refused::Json(error.to_string()))?;
    let (mut out, room) = (Vec::new(), Cell::new(most_bytes));
    let mut json = serde_json::Deserializer::from_str(text);
    let whole = Message { shape, out: &mut out, room: &room };
    let read = whole.deserialize(&mut json).and_then(|()| json.end());
    match read {
        Ok(()) => Ok(out),
        Err(_) if room.get() == 0 => Err(Refused::TooMuch("bytes unfolded", most_bytes as u64)),
        Err(error) => Err(Refused::Json(error.to_string())),
    }
}

/// A message that is read into protobuf.
struct Message<'m> {
    shape: &'static Shape,
    out: &'m mut Vec<u8>,
    room: &'m Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Message<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Message<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut seen, mut chosen) = (0_u32, false);
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            let Some(place) = self.shape.0.iter().position(|member| member.name == key) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let member = &self.shape.0[place];
            if seen >> place & 1 == 1 {
                return Err(A::Error::custom(format_args!("{key} comes twice")));
            }
            seen |= 1 << place;
            let before = self.out.len();
            map.next_value_seed(Told { member, out: self.out, room: self.room, is_element: false })?;
            if member.is_choice && self.out.len() > before && std::mem::replace(&mut chosen, true) {
                return Err(A::Error::custom(format_args!("{key} stands beside another of which only one may be")));
            }
        }
        Ok(())
    }
}

/// A member's value, or one of its values.
struct Told<'m> {
    member: &'static Member,
    out: &'m mut Vec<u8>,
    room: &'m Cell<usize>,
    is_element: bool,
}

impl Told<'_> {
    fn takes_list(&self) -> bool {
        self.member.is_repeated && !self.is_element
    }

    /// Puts one number, as protobuf has those of the member.
    fn put<E: Error>(self, bits: u64, wire_type: u8) -> Result<(), E> {
        take(self.room, 9)?;
        self.out.push(self.member.number << 3 | wire_type);
        match wire_type {
            1 => self.out.extend_from_slice(&bits.to_le_bytes()),
            _ => varint(self.out, bits),
        }
        Ok(())
    }

    fn whole<E: Error>(self, number: i128) -> Result<(), E> {
        if self.takes_list() {
            return Err(self.wrong("a number"));
        }
        let fits = |least: i128, most: i128| (least..=most).contains(&number);
        let bits = number as i64 as u64;
        match self.member.kind {
            Type::Double => self.put((number as f64).to_bits(), 1),
            Type::Fixed if fits(i64::MIN.into(), u64::MAX.into()) => self.put(number as u64, 1),
            Type::Varint if fits(i64::MIN.into(), u64::MAX.into()) => self.put(number as u64, 0),
            Type::Zigzag if fits(i32::MIN.into(), i32::MAX.into()) => {
                self.put(bits << 1 ^ (number as i64 >> 63) as u64, 0)
            }
            Type::Enum(_) if fits(0, i32::MAX.into()) => self.put(bits, 0),
            _ => Err(self.wrong("this number")),
        }
    }

    fn float<E: Error>(self, number: f64) -> Result<(), E> {
        match self.member.kind {
            Type::Double if !self.takes_list() => self.put(number.to_bits(), 1),
            // A whole number may be written with a point or an exponent.
            _ if number.fract() == 0.0 && number.abs() < 9e15 => self.whole(number as i128),
            _ => Err(self.wrong("this number")),
        }
    }

    fn bytes<E: Error>(self, bytes: &[u8]) -> Result<(), E> {
        take(self.room, bytes.len() + 6)?;
        put_bytes(self.out, self.member.number, bytes);
        Ok(())
    }

    fn wrong<E: Error>(&self, what: &str) -> E {
        E::custom(format_args!("{} is not {what}", self.member.name))
    }
}

fn take<E: Error>(room: &Cell<usize>, bytes: usize) -> Result<(), E> {
    let left = room.get().checked_sub(bytes);
    room.set(left.unwrap_or(0));
    left.map(drop).ok_or_else(|| E::custom("it is too long"))
}

fn put_bytes(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

impl<'de> DeserializeSeed<'de> for Told<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Told<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "what {} has", self.member.name)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        if self.is_element { Err(self.wrong("null")) } else { Ok(()) }
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        match self.member.kind {
            Type::Bool => self.put(value.into(), 0),
            _ => Err(self.wrong("true or false")),
        }
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.whole(number.into())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.whole(number.into())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.float(number)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if self.takes_list() {
            return Err(self.wrong("a string"));
        }
        match self.member.kind {
            Type::Text => self.bytes(text.as_bytes()),
            Type::Base64 => match base64::decode(text) {
                Some(bytes) => self.bytes(&bytes),
                None => Err(self.wrong("base64")),
            },
            Type::Enum(names) => match names.iter().position(|name| *name == text) {
                Some(number) => self.put(number as u64, 0),
                None => Err(self.wrong("one of its names")),
            },
            Type::Fixed | Type::Varint | Type::Zigzag | Type::Double if text.trim() != text => {
                Err(self.wrong("a number"))
            }
            Type::Fixed | Type::Varint | Type::Zigzag | Type::Double => match (text.parse::<i64>(), text.parse()) {
                (Ok(number), _) => self.whole(number.into()),
                (_, Ok(number)) if text.parse::<u64>().is_err() => self.float(number),
                _ => match text.parse::<u64>() {
                    Ok(number) => self.whole(number.into()),
                    Err(_) => Err(self.wrong("a number")),
                },
            },
            Type::Bool | Type::Message(_) => Err(self.wrong("a string")),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if !self.takes_list() {
            return Err(self.wrong("a list"));
        }
        let Self { member, out, room, .. } = self;
        while list.next_element_seed(Told { member, out: &mut *out, room, is_element: true })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let Type::Message(shape) = self.member.kind else { return Err(self.wrong("an object")) };
        if self.takes_list() {
            return Err(self.wrong("an object"));
        }
        take(self.room, 6)?;
        let mut inner = Vec::new();
        Message { shape, out: &mut inner, room: self.room }.visit_map(map)?;
        put_bytes(self.out, self.member.number, &inner);
        Ok(())
    }
}
