//! Protobuf's fields where they lie: a message is walked, nothing of it is copied.

/// What is no such message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

/// The fields of a message, in the order in which they came.
pub(crate) struct Fields<'a>(pub &'a [u8]);

/// What a field has, by its wire type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Field<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32,
}

/// Seven bits a byte: ten bytes hold 64 bits.
const MOST_VARINT_BYTES: usize = 10;

impl<'a> Fields<'a> {
    /// The next message of a stream that has each behind its length.
    pub(crate) fn delimited(&mut self) -> Option<Result<&'a [u8], Malformed>> {
        if self.0.is_empty() {
            return None;
        }
        let found = self.varint().and_then(|length| self.bytes(usize::try_from(length).ok()?));
        if found.is_none() {
            self.0 = &[];
        }
        Some(found.ok_or(CUT_OFF))
    }

    /// Most are of one byte: keys, lengths and small numbers.
    #[inline]
    fn varint(&mut self) -> Option<u64> {
        match *self.0 {
            [byte @ ..0x80, ref rest @ ..] => {
                self.0 = rest;
                Some(byte.into())
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for (at, &byte) in self.0.iter().take(MOST_VARINT_BYTES).enumerate() {
            value |= u64::from(byte & 0x7f).checked_shl(7 * at as u32)?;
            if byte < 0x80 {
                self.0 = &self.0[at + 1..];
                return Some(value);
            }
        }
        None
    }

    #[inline]
    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    #[inline]
    fn field(&mut self) -> Option<(u64, Field<'a>)> {
        let key = self.varint()?;
        let field = match key & 7 {
            0 => Field::Varint(self.varint()?),
            1 => Field::Fixed64(u64::from_le_bytes(self.bytes(8)?.try_into().ok()?)),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Field::Bytes(self.bytes(length)?)
            }
            5 => {
                self.bytes(4)?;
                Field::Fixed32
            }
            _ => return None,
        };
        (key >> 3 > 0).then_some((key >> 3, field))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Field<'a>), Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            // Nothing behind a field that cannot be read has a meaning.
            self.0 = &[];
        }
        Some(field.ok_or(CUT_OFF))
    }
}

/// The text of a field.
pub(crate) fn text<'a>(field: Field<'a>) -> Result<&'a str, Malformed> {
    let Field::Bytes(bytes) = field else { return Err(WRONG_TYPE) };
    std::str::from_utf8(bytes).map_err(|_| Malformed("a name or a value is not UTF-8"))
}

/// The bytes of a message in a field.
pub(crate) fn message<'a>(field: Field<'a>) -> Result<&'a [u8], Malformed> {
    if let Field::Bytes(bytes) = field { Ok(bytes) } else { Err(WRONG_TYPE) }
}

/// The number of a field that is there once.
pub(crate) fn double(field: Field<'_>) -> Result<f64, Malformed> {
    if let Field::Fixed64(bits) = field { Ok(f64::from_bits(bits)) } else { Err(WRONG_TYPE) }
}

/// The same of a whole number.
pub(crate) fn whole(field: Field<'_>) -> Result<u64, Malformed> {
    if let Field::Varint(number) = field { Ok(number) } else { Err(WRONG_TYPE) }
}

/// Numbers of a repeated field, one by one or packed.
pub(crate) fn packed_varints(field: Field<'_>, mut each: impl FnMut(u64)) -> Result<(), Malformed> {
    match field {
        Field::Varint(number) => each(number),
        Field::Bytes(bytes) => {
            let mut rest = Fields(bytes);
            while !rest.0.is_empty() {
                each(rest.varint().ok_or(CUT_OFF)?);
            }
        }
        _ => return Err(WRONG_TYPE),
    }
    Ok(())
}

/// The same of doubles.
pub(crate) fn packed_doubles(field: Field<'_>, mut each: impl FnMut(f64)) -> Result<(), Malformed> {
    match field {
        Field::Fixed64(bits) => each(f64::from_bits(bits)),
        Field::Bytes(bytes) => {
            let (doubles, rest) = bytes.as_chunks::<8>();
            if !rest.is_empty() {
                return Err(CUT_OFF);
            }
            doubles.iter().for_each(|double| each(f64::from_le_bytes(*double)));
        }
        _ => return Err(WRONG_TYPE),
    }
    Ok(())
}

/// A number whose sign is its last bit.
pub(crate) fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

const CUT_OFF: Malformed = Malformed("a field is cut off or of no known type");

pub(crate) const WRONG_TYPE: Malformed = Malformed("a field is of another type than the protocol has it");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_or_the_message_ends_there() {
        let check = |bytes: &[u8], expected: &[Option<(u64, Field<'_>)>]| {
            let seen: Vec<_> = Fields(bytes).map(Result::ok).collect();
            assert_eq!(seen, expected, "{bytes:?}");
        };
        check(&[], &[]);
        check(&[0x08, 0x96, 0x01, 0x12, 1, 7], &[Some((1, Field::Varint(150))), Some((2, Field::Bytes(&[7])))]);
        check(&[0x09, 1, 0, 0, 0, 0, 0, 0, 0], &[Some((1, Field::Fixed64(1)))]);
        check(&[0x0d, 1, 0, 0, 0], &[Some((1, Field::Fixed32))]);
        check(&[0x0a, 0], &[Some((1, Field::Bytes(&[])))]);
        for cut in [&[0x0a, 2, 0][..], &[0x0a], &[0x09, 0], &[0x80], &[0x0b], &[0x00, 0], &[0xff; 11]] {
            check(cut, &[None]);
        }
    }
}
