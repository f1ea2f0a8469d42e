//! The keys that tokens are signed and checked with, from files.
//!
//! A `.pem` file holds one public key, a `.secret` file one shared secret, a `.json` file a JWKS. A key's id is the
//! file's name without its ending, or what the JWKS says. A folder stands for all such files in it, so a key is
//! added or taken away by adding or removing a file, and several are valid at once.

use std::fs;
use std::path::{Path, PathBuf};

use jsonwebtoken::crypto::sign;
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey};
use weir_sample::{Reading, Timestamp};

use crate::token::{TokenCounts, verify};
use crate::watched::{Source, Watched};
use crate::{Claims, Error, Scope, TokenError, jwks, secret_file, signatures};

/// A key that tokens are checked with, good for one algorithm only.
pub(crate) struct TokenKey {
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) public: DecodingKey,
}

/// All keys in force.
pub(crate) struct KeySet(Vec<TokenKey>);

impl KeySet {
    pub(crate) fn find(&self, kid: &str) -> Option<&TokenKey> {
        self.0.iter().find(|key| key.kid == kid)
    }

    pub(crate) fn for_algorithm(&self, algorithm: Algorithm) -> impl Iterator<Item = &TokenKey> {
        self.0.iter().filter(move |key| key.algorithm == algorithm)
    }
}

/// Checks tokens with the keys of watched files.
pub struct TokenKeys {
    watched: Watched<KeyFiles>,
    counts: TokenCounts,
}

impl TokenKeys {
    /// Loads these files and folders of keys.
    pub fn watch(paths: Vec<PathBuf>) -> Result<Self, Error> {
        signatures::use_ring();
        Ok(Self { watched: Watched::open(KeyFiles(paths))?, counts: TokenCounts::default() })
    }

    /// The claims of a token that is valid now.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        self.counted(verify(&self.watched.current(), token, now))
    }

    /// The claims of a token that is valid now and gives this scope.
    pub fn admit(&self, token: &str, scope: Scope, now: Timestamp) -> Result<Claims, TokenError> {
        let claims = verify(&self.watched.current(), token, now);
        self.counted(claims.and_then(|claims| claims.require(scope).map(|()| claims)))
    }

    fn counted(&self, outcome: Result<Claims, TokenError>) -> Result<Claims, TokenError> {
        self.counts.count(&outcome);
        outcome
    }

    /// Id and algorithm of each key in force.
    pub fn list(&self) -> Vec<(String, &'static str)> {
        self.watched.current().0.iter().map(|key| (key.kid.clone(), algorithm_name(key.algorithm))).collect()
    }

    /// Loads the files again; on an error the keys in force stay.
    pub fn reload(&self) -> Result<(), Error> {
        self.watched.reload()
    }

    /// Loads the files again if one has changed; `true` if new keys are in force.
    pub fn reload_if_changed(&self) -> Result<bool, Error> {
        self.watched.reload_if_changed()
    }

    /// Telemetry.
    pub fn readings(&self) -> Vec<Reading> {
        let keys = self.watched.current().0.len() as f64;
        let accepted = self.counts.accepted();
        let mut readings = vec![
            Reading::gauge("weir_token_keys", &[], keys, "Keys that tokens are checked with."),
            Reading::counter("weir_tokens_accepted_total", &[], accepted, "Tokens that were valid for what was asked."),
        ];
        let refused =
            |(reason, count)| Reading::counter("weir_tokens_refused_total", &[("reason", reason)], count, REFUSED_HELP);
        readings.extend(self.counts.refused().map(refused));
        readings.extend(self.watched.readings());
        readings
    }
}

/// The files and folders that keys are read from.
struct KeyFiles(Vec<PathBuf>);

impl Source for KeyFiles {
    type Loaded = KeySet;

    const WHAT: &'static str = crate::TOKEN_KEYS;

    fn files(&self) -> Vec<PathBuf> {
        self.0.iter().flat_map(|path| key_files(path)).collect()
    }

    fn load(&self) -> Result<KeySet, Error> {
        let mut keys: Vec<TokenKey> = Vec::new();
        for path in self.files() {
            for key in read_keys(&path)? {
                if keys.iter().any(|other| other.kid == key.kid) {
                    let problem = format!("the key id {:?} stands in another file or entry too", key.kid);
                    return Err(Error::content(path, problem));
                }
                keys.push(key);
            }
        }
        let first = self.0.first().cloned().unwrap_or_default();
        if keys.is_empty() { Err(Error::content(first, NO_KEYS)) } else { Ok(KeySet(keys)) }
    }
}

/// A folder's files of keys by name; anything else stands for itself, there or not.
fn key_files(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path) else { return vec![path.to_owned()] };
    let is_keys = |path: &PathBuf| KeyFileKind::of(path).is_some();
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_keys).collect();
    files.sort();
    files
}

enum KeyFileKind {
    Pem,
    Secret,
    Jwks,
}

impl KeyFileKind {
    /// Told by the ending alone: guessing from content could take a damaged public key for a secret.
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "pem" => Some(Self::Pem),
            "secret" => Some(Self::Secret),
            "json" => Some(Self::Jwks),
            _ => None,
        }
    }
}

fn read_keys(path: &Path) -> Result<Vec<TokenKey>, Error> {
    let kid = kid_of(path)?;
    match KeyFileKind::of(path) {
        Some(KeyFileKind::Pem) => {
            let (algorithm, public) = public_key(path)?;
            Ok(vec![TokenKey { kid, algorithm, public }])
        }
        Some(KeyFileKind::Secret) => {
            let public = DecodingKey::from_secret(shared_secret(path)?.as_bytes());
            Ok(vec![TokenKey { kid, algorithm: Algorithm::HS256, public }])
        }
        Some(KeyFileKind::Jwks) => jwks::read(path),
        None => Err(Error::content(path, "a file of keys ends in .pem, .secret or .json (a JWKS)")),
    }
}

/// The id of the key in this file: its name without the ending.
fn kid_of(path: &Path) -> Result<String, Error> {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).filter(|stem| !stem.is_empty());
    stem.map(str::to_owned).ok_or_else(|| Error::content(path, "the file's name must be UTF-8: it is the key's id"))
}

fn public_key(path: &Path) -> Result<(Algorithm, DecodingKey), Error> {
    let text = fs::read(path).map_err(Error::io("read", path))?;
    if String::from_utf8_lossy(&text).contains("PRIVATE KEY") {
        return Err(Error::content(path, "this is a private key; a server that checks tokens needs the public one"));
    }
    let found = DecodingKey::from_ed_pem(&text)
        .map(|key| (Algorithm::EdDSA, key))
        .or_else(|_| DecodingKey::from_ec_pem(&text).map(|key| (Algorithm::ES256, key)))
        .or_else(|_| DecodingKey::from_rsa_pem(&text).map(|key| (Algorithm::RS256, key)));
    let (algorithm, key) = found.map_err(|_| Error::content(path, NO_PUBLIC_KEY))?;
    check_size(algorithm, &key).map_err(|problem| Error::content(path, problem))?;
    Ok((algorithm, key))
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

/// The secret is the file's text without blanks and line ends around it.
fn shared_secret(path: &Path) -> Result<String, Error> {
    let text = secret_file::read(path)?;
    let secret = text.trim();
    if secret.contains("-----BEGIN") {
        return Err(Error::content(path, "this is PEM, not a shared secret; name the file .pem"));
    }
    if secret.len() < MIN_SECRET_BYTES {
        return Err(Error::content(path, "a shared secret has at least 32 bytes; try: openssl rand -base64 48"));
    }
    Ok(secret.to_owned())
}

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
        let text = secret_file::read(path)?;
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

fn algorithm_name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::EdDSA => "EdDSA",
        Algorithm::ES256 => "ES256",
        Algorithm::RS256 => "RS256",
        _ => "HS256",
    }
}

const MIN_SECRET_BYTES: usize = 32;
const NO_KEYS: &str = "there is no key here: put public keys (.pem), shared secrets (.secret) or a JWKS (.json) here";
const NO_PUBLIC_KEY: &str = "no public key in PEM (BEGIN PUBLIC KEY) for Ed25519, P-256 or RSA";
const NO_PRIVATE_KEY: &str = "no private key in PKCS#8 PEM (BEGIN PRIVATE KEY) for Ed25519, P-256 or RSA of at least 2048 \
    bits; openssl pkcs8 -topk8 -nocrypt writes this form";
const SIZES: &str = "the key must be Ed25519, P-256, RSA of at least 2048 bits, or a secret of at least 32 bytes";
const REFUSED_HELP: &str = "Tokens refused. expired: its bearer does not renew. unknown_key: a server lacks a key file. \
    signature, algorithm, other_algorithm: a forgery or a mix-up of keys. scope: the token is for something else.";
