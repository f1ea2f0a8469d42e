//! When certificates end, for whoever is to renew them in time.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use weir_link::ServerFiles;
use weir_sample::Reading;
use yasna::tags::TAG_UTCTIME;
use yasna::{ASN1Result, BERReader, Tag, parse_der};

/// A reading for each file; one that cannot be read is told of by its reload.
pub(super) fn readings(files: &ServerFiles) -> Vec<Reading> {
    let named = [("server", Some(&files.certificates)), ("client_authorities", files.client_authorities.as_ref())];
    let reading = |(what, path): (&'static str, Option<&std::path::PathBuf>)| {
        let end = first_end(path?)? as f64;
        Some(Reading::gauge("weir_tls_certificate_expires_timestamp_seconds", &[("certificate", what)], end, HELP))
    };
    named.into_iter().filter_map(reading).collect()
}

/// When the first of a file's certificates ends, in Unix seconds.
fn first_end(path: &Path) -> Option<i64> {
    let certificates = CertificateDer::pem_file_iter(path).ok()?.filter_map(Result::ok);
    certificates.filter_map(|certificate| parse_der(&certificate, not_after).ok()).min()
}

/// The end of a certificate's validity: RFC 5280, 4.1.
fn not_after(certificate: BERReader<'_, '_>) -> ASN1Result<i64> {
    certificate.read_sequence(|parts| {
        let end = parts.next().read_sequence(|body| {
            body.read_optional(|version| version.read_tagged(Tag::context(0), |number| number.read_der()))?;
            let _serial_algorithm_issuer = [body.next().read_der()?, body.next().read_der()?, body.next().read_der()?];
            let end = body.next().read_sequence(|validity| {
                validity.next().read_der()?;
                time(validity.next())
            });
            while body.read_optional(|rest| rest.read_der())?.is_some() {}
            end
        });
        let _algorithm_signature = [parts.next().read_der()?, parts.next().read_der()?];
        end
    })
}

fn time(time: BERReader<'_, '_>) -> ASN1Result<i64> {
    Ok(match time.lookahead_tag()? {
        TAG_UTCTIME => time.read_utctime()?.datetime().unix_timestamp(),
        _ => time.read_generalized_time()?.datetime().unix_timestamp(),
    })
}

const HELP: &str = "When the first certificate of the file ends, in Unix seconds: put new files in its place before that, no restart \
    is needed.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_certificate_of_a_chain_to_end_counts() {
        let folder = tempfile::tempdir().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let until = |year| {
            let mut params = rcgen::CertificateParams::new(["weir".to_owned()]).unwrap();
            params.not_after = rcgen::date_time_ymd(year, 1, 1);
            params.self_signed(&key).unwrap().pem()
        };
        let path = folder.path().join("server.pem");
        std::fs::write(&path, until(2040) + &until(2031)).unwrap();
        let files = ServerFiles { certificates: path.clone(), key: path.clone(), client_authorities: None };
        let ends: Vec<f64> = readings(&files).iter().map(|reading| reading.value).collect();
        assert_eq!(ends, [1_924_992_000.0]);
        std::fs::write(&path, until(2051)).unwrap();
        assert_eq!(readings(&files)[0].value, 2_556_144_000.0, "a date past what two digits of a year can say");
        std::fs::write(&path, "no certificate").unwrap();
        assert!(readings(&files).is_empty());
    }
}
