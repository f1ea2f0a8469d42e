//! zstd with the dictionary that ships in this crate.

use std::sync::LazyLock;

use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::DecoderDictionary;
use zstd::zstd_safe::{CParameter, DParameter, FrameFormat};

use crate::DecodeError;
use crate::bytes::{Input, put_varint};

/// The dictionary's id in the header's flags.
pub const DICTIONARY_ID: u8 = 1;

/// Trained on typical host batches by `cargo run --release -p weir-wire --example train-dictionary`.
static DICTIONARY: &[u8] = include_bytes!("../../dictionary/1.zstd-dict");

static PREPARED: LazyLock<DecoderDictionary<'static>> = LazyLock::new(|| DecoderDictionary::copy(DICTIONARY));

/// No section unpacks to more: 64 KiB of keys and values is 50 times what a datagram packs.
pub(super) const MAX_PLAIN_BYTES: usize = 1 << 20;

const PLAIN: u8 = 0;
const PACKED: u8 = 1;

/// Packs sections; keeps its context from one to the next.
pub(super) struct Packer(Compressor<'static>);

impl Packer {
    pub(super) fn new(level: i32) -> Self {
        let packer = Compressor::with_dictionary(level, DICTIONARY).and_then(|mut packer| {
            // Frames carry no content size, checksum or dictionary id: the section says the one, the seal the other.
            packer.include_contentsize(false)?;
            packer.include_checksum(false)?;
            packer.include_dictid(false)?;
            packer.set_parameter(CParameter::Format(FrameFormat::Magicless))?;
            Ok(packer)
        });
        Self(packer.expect("the shipped dictionary is sound: a test packs with it"))
    }

    /// Appends the section, packed if that makes it shorter.
    pub(super) fn put(&mut self, out: &mut Vec<u8>, plain: &[u8]) {
        match self.0.compress(plain) {
            Ok(packed) if packed.len() + 2 < plain.len() => {
                out.push(PACKED);
                put_varint(out, plain.len() as u64);
                out.extend_from_slice(&packed);
            }
            _ => {
                out.push(PLAIN);
                out.extend_from_slice(plain);
            }
        }
    }
}

/// Unpacks sections into a buffer of its own.
pub(super) struct Unpacker {
    context: Decompressor<'static>,
    plain: Vec<u8>,
}

impl Unpacker {
    pub(super) fn new() -> Self {
        let context = Decompressor::with_prepared_dictionary(&PREPARED).and_then(|mut context| {
            context.set_parameter(DParameter::Format(FrameFormat::Magicless))?;
            Ok(context)
        });
        Self { context: context.expect("a prepared dictionary always loads"), plain: Vec::new() }
    }

    pub(super) fn unpack<'a>(&'a mut self, section: &'a [u8]) -> Result<&'a [u8], DecodeError> {
        let mut input = Input(section);
        match input.byte()? {
            PLAIN => Ok(input.0),
            PACKED => {
                let length = input.varint()?;
                if length > MAX_PLAIN_BYTES as u64 {
                    return Err(DecodeError::TooLarge);
                }
                self.plain.clear();
                self.plain.reserve(length as usize);
                let written = self.context.decompress_to_buffer(input.0, &mut self.plain);
                match written {
                    Ok(written) if written as u64 == length => Ok(&self.plain),
                    _ => Err(DecodeError::Malformed("packed section")),
                }
            }
            _ => Err(DecodeError::Malformed("packing")),
        }
    }
}
