//! Keys made for a test, in files as an operator would lay them out, and tokens signed with them.

mod fleet;
mod keys;
mod sessions;
mod tokens;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use jsonwebtoken::{Header, encode};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519};
use serde_json::{Value, json};
use tempfile::TempDir;
use weir_sample::Timestamp;

use crate::{Claims, Scope, SigningKey, TokenKeys};

/// 2023-11-14, long before any machine that runs this: nothing may look at the real clock.
const NOW_S: u64 = 1_700_000_000;
const NOW: Timestamp = Timestamp::from_secs(NOW_S as i64);

/// A folder of keys that tokens are checked with, and the private halves beside them.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    /// `NAME.pem` and `NAME.key`.
    fn pair(&self, name: &str, pair: &KeyPair) -> SigningKey {
        self.write(&format!("{name}.pem"), &pair.public_key_pem(), 0o644);
        SigningKey::read(&self.write(&format!("{name}.key"), &pair.serialize_pem(), 0o600)).unwrap()
    }

    fn ed25519(&self, name: &str) -> SigningKey {
        self.pair(name, &KeyPair::generate_for(&PKCS_ED25519).unwrap())
    }

    fn p256(&self, name: &str) -> SigningKey {
        self.pair(name, &KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap())
    }

    fn rsa(&self, name: &str) -> SigningKey {
        self.pair(name, &KeyPair::from_pem(include_str!("rsa-for-tests-only.pem")).unwrap())
    }

    fn secret(&self, name: &str) -> SigningKey {
        let secret = name.repeat(32);
        SigningKey::read(&self.write(&format!("{name}.secret"), &format!("{secret}\n"), 0o600)).unwrap()
    }

    fn keys(&self) -> TokenKeys {
        TokenKeys::watch(vec![self.folder.path().to_owned()]).unwrap()
    }
}

fn claims() -> Claims {
    Claims {
        subject: "web".into(),
        tenant: 7,
        scopes: vec![Scope::Ingest, Scope::Read],
        not_before: None,
        expires: NOW_S + 600,
        max_series: None,
        labels: Default::default(),
    }
}

/// A token with any claims at all, right or wrong.
fn signed(key: &SigningKey, claims: &Value) -> String {
    let mut header = Header::new(key.algorithm);
    header.kid = Some(key.kid.clone());
    encode(&header, claims, &key.private).unwrap()
}

/// Claims that are right but for what is laid over them; null takes a claim away.
fn claims_with(changes: Value) -> Value {
    let mut claims = json!({ "aud": "weir", "sub": "web", "tenant": 7, "scope": "ingest", "exp": NOW_S + 600 });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

fn remove(path: &Path) {
    fs::remove_file(path).unwrap();
}
