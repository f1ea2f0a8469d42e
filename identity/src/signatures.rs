//! The four signature algorithms of tokens, by ring, as `jsonwebtoken` asks for them.
//!
//! Its own providers would bring a second crypto library; this one keeps ring the only one in the tree.

use std::sync::Once;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{Error as Refused, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents, UnparsedPublicKey,
};
use ring::{hmac, signature::VerificationAlgorithm};

/// Makes ring the provider of this process; call it before any token is signed or checked.
pub(crate) fn use_ring() {
    static ONCE: Once = Once::new();
    // Fails only if the program has chosen a provider before; then that choice stands.
    ONCE.call_once(|| {
        let _ = PROVIDER.install_default();
    });
}

/// Weir derives no JWK from a key, so the provider's helpers for that stay unused.
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| Ok(Box::new(RingSigner::new(*algorithm, key)?)),
    verifier_factory: |algorithm, key| Ok(Box::new(RingVerifier::new(*algorithm, key)?)),
    key_utils: KeyUtils::new_unimplemented(),
};

struct RingSigner {
    algorithm: Algorithm,
    key: PrivateKey,
}

enum PrivateKey {
    Hmac(hmac::Key),
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl RingSigner {
    fn new(algorithm: Algorithm, key: &EncodingKey) -> Result<Self> {
        same_family(algorithm, key.family())?;
        let key = match algorithm {
            Algorithm::HS256 => PrivateKey::Hmac(hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes())),
            Algorithm::EdDSA => PrivateKey::Ed25519(
                Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.as_bytes()).map_err(|_| ErrorKind::InvalidEddsaKey)?,
            ),
            Algorithm::ES256 => PrivateKey::P256(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_bytes(), &SystemRandom::new())
                    .map_err(|_| ErrorKind::InvalidEcdsaKey)?,
            ),
            Algorithm::RS256 => PrivateKey::Rsa(
                RsaKeyPair::from_der(key.as_bytes()).map_err(|error| ErrorKind::InvalidRsaKey(error.to_string()))?,
            ),
            _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
        };
        Ok(Self { algorithm, key })
    }
}

impl Signer<Vec<u8>> for RingSigner {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, Refused> {
        let random = SystemRandom::new();
        match &self.key {
            PrivateKey::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            PrivateKey::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            PrivateKey::P256(pair) => {
                pair.sign(&random, message).map(|signature| signature.as_ref().to_vec()).map_err(|_| Refused::new())
            }
            PrivateKey::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map_err(|_| Refused::new())?;
                Ok(signature)
            }
        }
    }
}

impl JwtSigner for RingSigner {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

struct RingVerifier {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl RingVerifier {
    fn new(algorithm: Algorithm, key: &DecodingKey) -> Result<Self> {
        same_family(algorithm, key.family())?;
        match algorithm {
            Algorithm::HS256 | Algorithm::EdDSA | Algorithm::ES256 | Algorithm::RS256 => {
                Ok(Self { algorithm, key: key.clone() })
            }
            _ => Err(ErrorKind::UnsupportedAlgorithm.into()),
        }
    }

    fn check(&self, message: &[u8], signature: &[u8]) -> std::result::Result<(), ring::error::Unspecified> {
        let bytes = match self.key.kind() {
            DecodingKeyKind::SecretOrDer(bytes) => bytes,
            DecodingKeyKind::RsaModulusExponent { n, e } => {
                return RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature);
            }
        };
        let public: &'static dyn VerificationAlgorithm = match self.algorithm {
            Algorithm::EdDSA => &ED25519,
            Algorithm::ES256 => &ECDSA_P256_SHA256_FIXED,
            Algorithm::RS256 => &RSA_PKCS1_2048_8192_SHA256,
            _ => return hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, bytes), message, signature),
        };
        UnparsedPublicKey::new(public, bytes).verify(message, signature)
    }
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Refused> {
        self.check(message, signature).map_err(|_| Refused::new())
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

fn same_family(algorithm: Algorithm, family: jsonwebtoken::AlgorithmFamily) -> Result<()> {
    if algorithm.family() == family { Ok(()) } else { Err(ErrorKind::InvalidAlgorithm.into()) }
}
