//! Secrets, read where they are needed and shown nowhere.

use weir_alert::routing::Secret;

use crate::message::Source;

/// The text, or what the file holds now.
pub(super) fn reveal(source: &Source) -> Result<Secret, String> {
    match source {
        Source::Text(secret) => Ok(secret.clone()),
        Source::File(path) => {
            let text =
                std::fs::read_to_string(path).map_err(|error| format!("cannot read the secret in {path}: {error}"))?;
            Ok(Secret::from(text.trim().to_owned()))
        }
    }
}
