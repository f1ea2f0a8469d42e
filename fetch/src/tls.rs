//! Whom a client trusts, and who it says it is.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion};
use rustls_platform_verifier::BuilderVerifierExt;

use crate::settings::{Secret, Tls};

/// The settings of rustls that these of the file are.
pub(super) fn tls(tls: &Tls) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&versions(tls))
        .map_err(|error| error.to_string())?;
    let trusting = if tls.insecure_skip_verify {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone(provider)))
    } else if let Some(authorities) = text(&tls.ca, &tls.ca_file)? {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&authorities)? {
            roots.add(certificate).map_err(|error| format!("an authority in ca: {error}"))?;
        }
        builder.with_root_certificates(roots)
    } else {
        builder.with_platform_verifier().map_err(|error| error.to_string())?
    };
    let config = match (text(&tls.cert, &tls.cert_file)?, key(tls)?) {
        (Some(chain), Some(key)) => {
            let key =
                PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| format!("the client's key: {error}"))?;
            trusting.with_client_auth_cert(certificates(&chain)?, key).map_err(|error| error.to_string())?
        }
        _ => trusting.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

fn versions(tls: &Tls) -> Vec<&'static SupportedProtocolVersion> {
    let is = |version: &Option<String>, wanted: &str| version.as_deref() == Some(wanted);
    let mut versions = Vec::new();
    if !is(&tls.min_version, "TLS13") {
        versions.push(&rustls::version::TLS12);
    }
    if !is(&tls.max_version, "TLS12") {
        versions.push(&rustls::version::TLS13);
    }
    versions
}

fn text(text: &Option<String>, file: &Option<PathBuf>) -> Result<Option<String>, String> {
    match (text, file) {
        (Some(text), _) => Ok(Some(text.clone())),
        (None, Some(file)) => {
            std::fs::read_to_string(file).map(Some).map_err(|error| format!("cannot read {}: {error}", file.display()))
        }
        (None, None) => Ok(None),
    }
}

fn key(tls: &Tls) -> Result<Option<String>, String> {
    match (&tls.key, &tls.key_file) {
        (Some(Secret(text)), _) => Ok(Some(text.clone())),
        (None, Some(file)) => weir_files::read_secret(file).map(Some).map_err(|error| error.to_string()),
        (None, None) => Ok(None),
    }
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let all = all.map_err(|error| format!("certificates in PEM: {error}"))?;
    if all.is_empty() { Err("a file of certificates has none".into()) } else { Ok(all) }
}

/// Takes any certificate, as `insecure_skip_verify` asks.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
