//! Whom a server must be vouched for by: what this host trusts, or the authorities of a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use ureq::tls::{Certificate, PemItem, RootCerts, parse_pem};

/// The authorities of a PEM file; without one, what this host trusts.
pub(super) fn roots(file: Option<&Path>) -> Result<RootCerts> {
    let Some(file) = file else { return Ok(RootCerts::PlatformVerifier) };
    let text = std::fs::read(file).with_context(|| format!("reading the authorities of {} (--ca)", file.display()))?;
    let mut found: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(&text) {
        let item = item.with_context(|| format!("{} (--ca) is no PEM file of certificates", file.display()))?;
        if let PemItem::Certificate(certificate) = item {
            found.push(certificate);
        }
    }
    if found.is_empty() {
        bail!("{} (--ca) holds no certificate in PEM", file.display());
    }
    Ok(RootCerts::Specific(Arc::new(found)))
}

/// The file in which this host keeps whom it trusts, for what reads authorities from files alone.
pub(crate) fn system_bundle() -> Option<PathBuf> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let usual = BUNDLES.iter().map(PathBuf::from);
    named.into_iter().chain(usual).find(|path| path.is_file())
}

/// Debian, Fedora, openSUSE, Alpine.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_authorities_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let told = |path: &Path| format!("{:#}", roots(Some(path)).unwrap_err());
        assert!(told(&path).contains("ca.pem (--ca)"));
        std::fs::write(&path, "no certificate").unwrap();
        assert!(told(&path).ends_with("ca.pem (--ca) holds no certificate in PEM"), "{}", told(&path));
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").unwrap();
        assert!(told(&path).contains("ca.pem (--ca)"));
    }
}
