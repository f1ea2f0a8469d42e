//! The files and folders that keys are read from.
//!
//! A `.pem` file holds one public key, a `.secret` file one shared secret, a `.json` file a JWKS. A key's id is the
//! file's name without its ending, or what the JWKS says. A folder stands for all such files in it, so a key is
//! added or taken away by adding or removing a file, and several are valid at once.

use std::fs;
use std::path::{Path, PathBuf};

use jsonwebtoken::{Algorithm, DecodingKey};

use super::jwks;
use super::key::{KeySet, MIN_SECRET_BYTES, TokenKey, check_size};
use crate::Error;
use crate::watched::{Source, TOKEN_KEYS};

/// Where the keys in force come from.
pub(crate) struct KeyFiles(pub(crate) Vec<PathBuf>);

impl Source for KeyFiles {
    type Loaded = KeySet;

    const WHAT: &'static str = TOKEN_KEYS;

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

/// What a file's ending says of it.
pub(super) enum KeyFileKind {
    Pem,
    Secret,
    Jwks,
}

impl KeyFileKind {
    /// Told by the ending alone: guessing from content could take a damaged public key for a secret.
    pub(super) fn of(path: &Path) -> Option<Self> {
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
pub(super) fn kid_of(path: &Path) -> Result<String, Error> {
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

/// The secret is the file's text without blanks and line ends around it.
pub(super) fn shared_secret(path: &Path) -> Result<String, Error> {
    let text = weir_files::read_secret(path)?;
    let secret = text.trim();
    if secret.contains("-----BEGIN") {
        return Err(Error::content(path, "this is PEM, not a shared secret; name the file .pem"));
    }
    if secret.len() < MIN_SECRET_BYTES {
        return Err(Error::content(path, "a shared secret has at least 32 bytes; try: openssl rand -base64 48"));
    }
    Ok(secret.to_owned())
}

const NO_KEYS: &str = "there is no key here: put public keys (.pem), shared secrets (.secret) or a JWKS (.json) here";
const NO_PUBLIC_KEY: &str = "no public key in PEM (BEGIN PUBLIC KEY) for Ed25519, P-256 or RSA";
