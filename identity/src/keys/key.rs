//! A key that tokens are checked with, and the set of those in force.

use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};

/// A key that tokens are checked with, good for one algorithm only.
pub(crate) struct TokenKey {
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) public: DecodingKey,
}

impl TokenKey {
    /// The algorithm's word.
    pub(crate) fn algorithm_name(&self) -> &'static str {
        match self.algorithm {
            Algorithm::EdDSA => "EdDSA",
            Algorithm::ES256 => "ES256",
            Algorithm::RS256 => "RS256",
            _ => "HS256",
        }
    }
}

/// All keys in force.
pub(crate) struct KeySet(pub(crate) Vec<TokenKey>);

impl KeySet {
    pub(crate) fn find(&self, kid: &str) -> Option<&TokenKey> {
        self.0.iter().find(|key| key.kid == kid)
    }

    pub(crate) fn for_algorithm(&self, algorithm: Algorithm) -> impl Iterator<Item = &TokenKey> {
        self.0.iter().filter(move |key| key.algorithm == algorithm)
    }
}

/// What ring would refuse at each token, said once while loading.
pub(crate) fn check_size(algorithm: Algorithm, key: &DecodingKey) -> Result<(), &'static str> {
    let fits = match (algorithm, key.kind()) {
        (Algorithm::EdDSA, DecodingKeyKind::SecretOrDer(point)) => point.len() == 32,
        (Algorithm::ES256, DecodingKeyKind::SecretOrDer(point)) => point.len() == 65 && point[0] == 4,
        (Algorithm::HS256, DecodingKeyKind::SecretOrDer(secret)) => secret.len() >= MIN_SECRET_BYTES,
        // DER adds at least 13 bytes to the modulus and the smallest usual exponent.
        (Algorithm::RS256, DecodingKeyKind::SecretOrDer(der)) => der.len() >= 256 + 13,
        (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, .. }) => n.len() >= 256 && n[0] != 0,
        _ => false,
    };
    if fits { Ok(()) } else { Err(SIZES) }
}

/// The least that a shared secret may have.
pub(crate) const MIN_SECRET_BYTES: usize = 32;
const SIZES: &str = "the key must be Ed25519, P-256, RSA of at least 2048 bits, or a secret of at least 32 bytes";
