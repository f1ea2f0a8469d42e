//! The key that tokens are signed with.

use std::fmt;
use std::path::Path;

use jsonwebtoken::crypto::sign;
use jsonwebtoken::{Algorithm, EncodingKey};

use super::files::{KeyFileKind, kid_of, shared_secret};
use super::signatures;
use crate::Error;

/// A key that issues tokens: a PKCS#8 private key in PEM, or a `.secret` file. Mode 0600.
#[derive(Clone)]
pub struct SigningKey {
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) private: EncodingKey,
}

impl SigningKey {
    /// Reads the key; its id is the file's name without the ending.
    pub fn read(path: &Path) -> Result<Self, Error> {
        signatures::use_ring();
        let kid = kid_of(path)?;
        if matches!(KeyFileKind::of(path), Some(KeyFileKind::Secret)) {
            let private = EncodingKey::from_secret(shared_secret(path)?.as_bytes());
            return Ok(Self { kid, algorithm: Algorithm::HS256, private });
        }
        let text = weir_files::read_secret(path)?;
        if !text.contains("PRIVATE KEY") {
            return Err(Error::content(path, NO_PRIVATE_KEY));
        }
        let found = EncodingKey::from_ed_pem(text.as_bytes())
            .map(|key| (Algorithm::EdDSA, key))
            .or_else(|_| EncodingKey::from_ec_pem(text.as_bytes()).map(|key| (Algorithm::ES256, key)))
            .or_else(|_| EncodingKey::from_rsa_pem(text.as_bytes()).map(|key| (Algorithm::RS256, key)));
        let (algorithm, private) = found.map_err(|_| Error::content(path, NO_PRIVATE_KEY))?;
        // A key on another curve has the right form and shows only when it signs.
        sign(b"", &private, algorithm).map_err(|_| Error::content(path, NO_PRIVATE_KEY))?;
        Ok(Self { kid, algorithm, private })
    }

    /// The id that tokens will name.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The same key under another id, for a JWKS that calls it so.
    pub fn with_kid(self, kid: &str) -> Self {
        Self { kid: kid.to_owned(), ..self }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey {{ kid: {:?}, algorithm: {:?} }}", self.kid, self.algorithm)
    }
}

const NO_PRIVATE_KEY: &str = "no private key in PKCS#8 PEM (BEGIN PRIVATE KEY) for Ed25519, P-256 or RSA of at least 2048 \
    bits; openssl pkcs8 -topk8 -nocrypt writes this form";
